#ifndef LIB_OPT_H
#define LIB_OPT_H

/*
 * A command's options as data.
 *
 *	const struct opt opts[] = {
 *		OPT_FLAG('r', "recurse", &recurse, "descend into subtrees"),
 *		OPT_STR(0, "format", &format, "format", "print each entry this way"),
 *		OPT_END
 *	};
 *
 * Options stand before or after arguments, until "--".  Long names are never abbreviated;
 * "--x=V" and "--x V" mean the same, as "-xV" and "-x V" do; letters of flags may be joined.
 * "--no-x" undoes the flag "--x" (and "--x" the flag "--no-x").  No argument is optional.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_FLAG,
	OPT_KIND_COUNT,
	OPT_KIND_STR,
	OPT_KIND_SIZE,
	OPT_KIND_UINT,
	OPT_KIND_LIST,
};

/* Values of an option that may be given many times, in order; they borrow from argv. */
struct opt_list {
	const char **v;
	size_t nr, alloc;
};

#define OPT_LIST_INIT { NULL, 0, 0 }
void opt_list_add(struct opt_list *list, const char *value);
void opt_list_release(struct opt_list *list);

struct opt {
	enum opt_kind kind;
	char letter;		/* 0: none */
	const char *name;	/* NULL: none */
	void *value;
	const char *arg;	/* what the usage calls the value */
	const char *help;	/* NULL: not shown */
};

/* The middle operand is never chosen: it makes the compiler look at the pointer's type. */
#define OPT_PTR_(type, p) (1 ? (p) : (type *)0)

#define OPT_FLAG(letter, name, p, help) \
	{ OPT_KIND_FLAG, letter, name, OPT_PTR_(bool, p), NULL, help }
/* -v -v: counted, an int */
#define OPT_COUNT(letter, name, p, help) \
	{ OPT_KIND_COUNT, letter, name, OPT_PTR_(int, p), NULL, help }
#define OPT_STR(letter, name, p, arg, help) \
	{ OPT_KIND_STR, letter, name, OPT_PTR_(const char *, p), arg, help }
/* bytes, with K, M, G, T: a uint64_t */
#define OPT_SIZE(letter, name, p, arg, help) \
	{ OPT_KIND_SIZE, letter, name, OPT_PTR_(uint64_t, p), arg, help }
/* an unsigned int */
#define OPT_UINT(letter, name, p, arg, help) \
	{ OPT_KIND_UINT, letter, name, OPT_PTR_(unsigned int, p), arg, help }
#define OPT_LIST(letter, name, p, arg, help) \
	{ OPT_KIND_LIST, letter, name, OPT_PTR_(struct opt_list, p), arg, help }
#define OPT_END \
	{ OPT_KIND_END, 0, NULL, NULL, NULL, NULL }

enum opt_flags {
	OPT_STOP_AT_ARGUMENT = 1u << 0,	/* what follows the first argument is not ours */
};

/*
 * Take the options out of argv, whose first entry is the command's name: afterwards `*argv`
 * points to the first of `*argc` arguments.  `usage` is one line for each form of the command.
 * ERR_USAGE names the option; ERR_HELP: -h or --help was given, and the caller prints
 * opt_usage().  `argv` is put in order in place; values borrow from it.
 */
int opt_parse(const struct opt *opts, const char *usage, int *argc, char ***argv, struct err *err);

/*
 * The same with options that a command shares with others: its own names and letters win.
 * `common` may be NULL.
 */
int opt_parse_with(const struct opt *opts, const struct opt *common, const char *usage,
		   unsigned int flags, int *argc, char ***argv, struct err *err);

/* The text that -h prints, appended to `out`. */
void opt_usage(const struct opt *opts, const char *usage, struct buf *out);

#endif
