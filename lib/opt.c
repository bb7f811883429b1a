/*
 * Options from tables.  Knows nothing about commands and prints nothing.
 */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/number.h"
#include "lib/sys.h"
#include "lib/opt.h"

void opt_list_add(struct opt_list *list, const char *value)
{
	if (list->nr == list->alloc) {
		list->alloc = list->alloc ? 2 * list->alloc : 8;
		list->v = xrealloc(list->v, list->alloc * sizeof(*list->v));
	}
	list->v[list->nr++] = value;
}

void opt_list_release(struct opt_list *list)
{
	sys_free(list->v);
	list->v = NULL;
	list->nr = list->alloc = 0;
}

/* The command's own words, "ub cat-tree", as its usage begins. */
static int command_length(const char *usage)
{
	size_t n = strcspn(usage, " \n");

	if (usage[n] == ' ' && usage[n + 1] >= 'a' && usage[n + 1] <= 'z')
		n += 1 + strcspn(usage + n + 1, " \n");
	return (int)n;
}

static int usage_error(struct err *err, const char *usage, const char *what, const char *name)
{
	return err_set(err, ERR_USAGE, "%s '%s'; see '%.*s -h'", what, name,
		       command_length(usage), usage);
}

static bool takes_value(const struct opt *o)
{
	return o->kind != OPT_KIND_FLAG && o->kind != OPT_KIND_COUNT;
}

static const struct opt *find_letter(const struct opt *opts, char letter)
{
	for (; opts && opts->kind != OPT_KIND_END; opts++)
		if (opts->letter == letter)
			return opts;
	return NULL;
}

static bool name_is(const char *name, const char *s, size_t n)
{
	return strlen(name) == n && memcmp(name, s, n) == 0;
}

/* `*undo`: the name is that of a flag's opposite, and no option's own. */
static const struct opt *find_name(const struct opt *opts, const char *s, size_t n, bool *undo)
{
	const struct opt *opposite = NULL;

	*undo = false;
	for (; opts && opts->kind != OPT_KIND_END; opts++) {
		if (!opts->name)
			continue;
		if (name_is(opts->name, s, n))
			return opts;
		if (takes_value(opts))
			continue;
		if ((n > 3 && memcmp(s, "no-", 3) == 0 && name_is(opts->name, s + 3, n - 3)) ||
		    (strncmp(opts->name, "no-", 3) == 0 && name_is(opts->name + 3, s, n)))
			opposite = opts;
	}
	*undo = opposite != NULL;
	return opposite;
}

static int set_value(const struct opt *o, const char *shown, bool undo, const char *value,
		     struct err *err)
{
	uint64_t v;

	switch (o->kind) {
	case OPT_KIND_FLAG:
		*(bool *)o->value = !undo;
		return 0;
	case OPT_KIND_COUNT:
		*(int *)o->value = undo ? 0 : *(int *)o->value + 1;
		return 0;
	case OPT_KIND_STR:
		*(const char **)o->value = value;
		return 0;
	case OPT_KIND_LIST:
		opt_list_add(o->value, value);
		return 0;
	case OPT_KIND_SIZE:
		if (!number_parse_size(value, &v))
			return err_set(err, ERR_USAGE,
				       "option '%s': '%s' is not a size such as 64M", shown,
				       value);
		*(uint64_t *)o->value = v;
		return 0;
	case OPT_KIND_UINT:
		if (!number_parse(value, &v) || v > UINT_MAX)
			return err_set(err, ERR_USAGE, "option '%s': '%s' is not a number", shown,
				       value);
		*(unsigned int *)o->value = (unsigned int)v;
		return 0;
	case OPT_KIND_END:
		break;
	}
	BUG("option kind %d", (int)o->kind);
}

struct parse {
	const struct opt *opts, *common;
	const char *usage;
	int argc;
	char **argv;
	int at;		/* the argument being looked at */
};

static int parse_long(struct parse *p, struct err *err)
{
	const char *arg = p->argv[p->at];
	const char *s = arg + 2, *value = NULL;
	size_t n = strcspn(s, "=");
	bool undo = false;
	const struct opt *o;
	char shown[64];

	if (strcmp(arg, "--help") == 0)
		return err_set(err, ERR_HELP, "help");
	snprintf(shown, sizeof(shown), "--%.*s", (int)(n < 60 ? n : 60), s);
	o = find_name(p->opts, s, n, &undo);
	if (!o)
		o = find_name(p->common, s, n, &undo);
	if (!o)
		return usage_error(err, p->usage, "unknown option", shown);
	if (s[n] == '=')
		value = s + n + 1;
	if (!takes_value(o) && value)
		return usage_error(err, p->usage, "no value is wanted for option", shown);
	if (takes_value(o) && !value) {
		if (p->at + 1 >= p->argc)
			return usage_error(err, p->usage, "a value is missing after option", shown);
		value = p->argv[++p->at];
	}
	return set_value(o, shown, undo, value, err);
}

static int parse_letters(struct parse *p, struct err *err)
{
	for (const char *s = p->argv[p->at] + 1; *s; s++) {
		const char shown[3] = { '-', *s, '\0' };
		const struct opt *o = find_letter(p->opts, *s);
		const char *value = NULL;
		int ret;

		if (!o && *s == 'h')
			return err_set(err, ERR_HELP, "help");
		if (!o)
			o = find_letter(p->common, *s);
		if (!o)
			return usage_error(err, p->usage, "unknown option", shown);
		if (takes_value(o)) {
			if (s[1])
				value = s + 1;
			else if (p->at + 1 < p->argc)
				value = p->argv[++p->at];
			else
				return usage_error(err, p->usage, "a value is missing after option",
						   shown);
		}
		ret = set_value(o, shown, false, value, err);
		if (ret < 0)
			return ret;
		if (value)
			break;
	}
	return 0;
}

int opt_parse_with(const struct opt *opts, const struct opt *common, const char *usage,
		   unsigned int flags, int *argc, char ***argv, struct err *err)
{
	struct parse p = { opts, common, usage, *argc, *argv, 1 };
	int nr = 0;	/* arguments so far, moved up behind the command's name */

	for (; p.at < p.argc; p.at++) {
		char *arg = p.argv[p.at];
		int ret;

		if (strcmp(arg, "--") == 0) {
			p.at++;
			break;
		}
		if (arg[0] != '-' || !arg[1]) {
			if (flags & OPT_STOP_AT_ARGUMENT)
				break;
			p.argv[1 + nr++] = arg;
			continue;
		}
		ret = arg[1] == '-' ? parse_long(&p, err) : parse_letters(&p, err);
		if (ret < 0)
			return ret;
	}
	while (p.at < p.argc)
		p.argv[1 + nr++] = p.argv[p.at++];
	p.argv[1 + nr] = NULL;
	*argc = nr;
	*argv = p.argv + 1;
	return 0;
}

int opt_parse(const struct opt *opts, const char *usage, int *argc, char ***argv, struct err *err)
{
	return opt_parse_with(opts, NULL, usage, 0, argc, argv, err);
}

void opt_usage(const struct opt *opts, const char *usage, struct buf *out)
{
	const size_t column = 30;
	bool first = true;

	while (*usage) {
		int n = (int)strcspn(usage, "\n");

		buf_printf(out, "%s %.*s\n", first ? "usage:" : "   or:", n, usage);
		usage += n + (usage[n] == '\n');
		first = false;
	}
	for (first = true; opts->kind != OPT_KIND_END; opts++) {
		size_t start;

		if (!opts->help)
			continue;
		if (first)
			buf_put_str(out, "\n");
		first = false;
		start = out->len;
		buf_put_str(out, "    ");
		if (opts->letter)
			buf_printf(out, "-%c%s", opts->letter, opts->name ? ", " : "");
		if (opts->name)
			buf_printf(out, "--%s", opts->name);
		if (opts->arg)
			buf_printf(out, " <%s>", opts->arg);
		if (out->len - start >= column) {
			buf_put_str(out, "\n");
			start = out->len;
		}
		while (out->len - start < column)
			buf_put_str(out, " ");
		buf_printf(out, "%s\n", opts->help);
	}
}
