/* Options from tables. */

#include "lib/opt.h"
#include "t/unit/unit.h"

enum { MAX_ARGS = 16 };

struct parsed {
	bool flag, no_thing, other, both, no_both;
	int count;
	const char *str;
	uint64_t size;
	unsigned int uint;
	struct opt_list list;
	bool common_json, common_other;
	int argc;
	char *words[MAX_ARGS], **argv;
	struct err err;
	int ret;
};

/* Parse `line`, split at blanks, behind the command's name. */
static void parse_with(struct parsed *p, const char *line, unsigned int flags)
{
	static char text[256];
	const struct opt opts[] = {
		OPT_FLAG('f', "flag", &p->flag, "a flag"),
		OPT_FLAG(0, "no-thing", &p->no_thing, "without the thing"),
		OPT_FLAG(0, "no-both", &p->no_both, "an option by itself"),
		OPT_FLAG(0, "both", &p->both, "the other one"),
		OPT_FLAG('o', "other", &p->other, "wins over the common one"),
		OPT_COUNT('c', "count", &p->count, "counted"),
		OPT_STR('s', "str", &p->str, "text", "a string"),
		OPT_SIZE('z', "size", &p->size, "size", "a size"),
		OPT_UINT('u', "uint", &p->uint, "n", "a number"),
		OPT_LIST('l', "list", &p->list, "item", "many"),
		OPT_END
	};
	const struct opt common[] = {
		OPT_FLAG(0, "json", &p->common_json, NULL),
		OPT_FLAG('o', "other", &p->common_other, NULL),
		OPT_END
	};
	int nr = 0;

	memset(p, 0, sizeof(*p));
	snprintf(text, sizeof(text), "cmd %s", line);
	for (char *w = strtok(text, " "); w && nr < MAX_ARGS - 1; w = strtok(NULL, " "))
		p->words[nr++] = w;
	p->argc = nr;
	p->argv = p->words;
	p->ret = opt_parse_with(opts, common, "ub cmd [-f] ARG", flags, &p->argc, &p->argv,
				&p->err);
}

static void parse(struct parsed *p, const char *line)
{
	parse_with(p, line, 0);
}

static void test_options_stand_before_and_after_arguments(void)
{
	struct parsed p;

	parse(&p, "a -f b --str x c");
	CHECK(p.ret == 0 && p.flag && p.argc == 3);
	CHECK(strcmp(p.str, "x") == 0);
	CHECK(strcmp(p.argv[0], "a") == 0 && strcmp(p.argv[2], "c") == 0 && !p.argv[3]);
}

static void test_two_dashes_end_options(void)
{
	struct parsed p;

	parse(&p, "a -- -f --str");
	CHECK(p.ret == 0 && !p.flag && p.argc == 3);
	CHECK(strcmp(p.argv[1], "-f") == 0 && strcmp(p.argv[2], "--str") == 0);
	parse(&p, "--str -- x");
	CHECK(p.ret == 0 && strcmp(p.str, "--") == 0 && p.argc == 1);
}

static void test_one_dash_is_an_argument(void)
{
	struct parsed p;

	parse(&p, "- -f");
	CHECK(p.ret == 0 && p.argc == 1 && strcmp(p.argv[0], "-") == 0 && p.flag);
}

static void test_letters_join_and_take_values(void)
{
	struct parsed p;

	parse(&p, "-fccsvalue -u 7");
	CHECK(p.ret == 0 && p.flag && p.count == 2 && p.uint == 7);
	CHECK(strcmp(p.str, "value") == 0);
	parse(&p, "-s");
	CHECK(p.ret == ERR_USAGE && strstr(p.err.msg, "'-s'"));
}

static void test_no_undoes_a_flag_and_the_last_word_counts(void)
{
	struct parsed p;

	parse(&p, "--flag --no-flag");
	CHECK(p.ret == 0 && !p.flag);
	parse(&p, "--no-flag --flag");
	CHECK(p.ret == 0 && p.flag);
	parse(&p, "--no-thing");
	CHECK(p.ret == 0 && p.no_thing);
	parse(&p, "--no-thing --thing");
	CHECK(p.ret == 0 && !p.no_thing);
	parse(&p, "--both");
	CHECK(p.ret == 0 && p.both && !p.no_both);
	parse(&p, "--no-both");
	CHECK(p.ret == 0 && !p.both && p.no_both);
	parse(&p, "--no-str");
	CHECK(p.ret == ERR_USAGE);
	parse(&p, "-cc --no-count -c");
	CHECK(p.ret == 0 && p.count == 1);
}

static void test_values_are_checked(void)
{
	struct parsed p;

	parse(&p, "--size=64K --uint=4294967295");
	CHECK(p.ret == 0 && p.size == 65536 && p.uint == 4294967295u);
	parse(&p, "--size 1.5G");
	CHECK(p.ret == ERR_USAGE && strstr(p.err.msg, "--size"));
	parse(&p, "--uint 4294967296");
	CHECK(p.ret == ERR_USAGE);
	parse(&p, "--uint -1");
	CHECK(p.ret == ERR_USAGE);
	parse(&p, "--flag=yes");
	CHECK(p.ret == ERR_USAGE);
	parse(&p, "--str=");
	CHECK(p.ret == 0 && strcmp(p.str, "") == 0);
}

static void test_lists_keep_their_order(void)
{
	struct parsed p;

	parse(&p, "-l a --list=b x -lc");
	REQUIRE(p.ret == 0 && p.list.nr == 3);
	CHECK(strcmp(p.list.v[0], "a") == 0 && strcmp(p.list.v[2], "c") == 0);
	opt_list_release(&p.list);
	CHECK(p.list.nr == 0 && !p.list.v);
}

static void test_own_options_win_over_common_ones(void)
{
	struct parsed p;

	parse(&p, "--json --other");
	CHECK(p.ret == 0 && p.common_json && p.other && !p.common_other);
	parse(&p, "-o");
	CHECK(p.ret == 0 && p.other && !p.common_other);
	parse(&p, "--str --json");
	CHECK(p.ret == 0 && !p.common_json && strcmp(p.str, "--json") == 0);
}

static void test_unknown_options_are_named(void)
{
	struct parsed p;

	parse(&p, "--flagg");
	CHECK(p.ret == ERR_USAGE && strstr(p.err.msg, "'--flagg'") &&
	      strstr(p.err.msg, "ub cmd -h"));
	parse(&p, "--fla");
	CHECK(p.ret == ERR_USAGE);
	parse(&p, "-fX");
	CHECK(p.ret == ERR_USAGE && strstr(p.err.msg, "'-X'"));
}

static void test_the_verb_ends_what_stands_before_it(void)
{
	struct parsed p;

	parse_with(&p, "-f verb -f --bogus", OPT_STOP_AT_ARGUMENT);
	CHECK(p.ret == 0 && p.flag && p.argc == 3 && strcmp(p.argv[0], "verb") == 0);
}

static void test_help_is_asked_for_anywhere(void)
{
	struct parsed p;

	parse(&p, "a b -h");
	CHECK(p.ret == ERR_HELP);
	parse(&p, "--help");
	CHECK(p.ret == ERR_HELP);
	parse(&p, "-- --help");
	CHECK(p.ret == 0 && p.argc == 1);
}

static void test_usage_shows_what_has_help(void)
{
	bool flag = false;
	const char *str = NULL;
	const struct opt opts[] = {
		OPT_FLAG('f', "flag", &flag, "a flag"),
		OPT_STR(0, "a-very-long-name-that-fills-it", &str, "x", "on the next line"),
		OPT_FLAG(0, "hidden", &flag, NULL),
		OPT_END
	};
	struct buf out = BUF_INIT;

	opt_usage(opts, "ub a\nub b", &out);
	CHECK(strcmp(buf_str(&out), "usage: ub a\n   or: ub b\n\n"
				    "    -f, --flag                a flag\n"
				    "    --a-very-long-name-that-fills-it <x>\n"
				    "                              on the next line\n") == 0);
	buf_release(&out);
}

UNIT_MAIN(test_options_stand_before_and_after_arguments, test_two_dashes_end_options,
	  test_one_dash_is_an_argument, test_letters_join_and_take_values,
	  test_no_undoes_a_flag_and_the_last_word_counts, test_values_are_checked,
	  test_lists_keep_their_order, test_own_options_win_over_common_ones,
	  test_unknown_options_are_named, test_the_verb_ends_what_stands_before_it,
	  test_help_is_asked_for_anywhere, test_usage_shows_what_has_help)
