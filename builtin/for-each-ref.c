/*
 * ub for-each-ref: all names of all devices, and the snapshots they stand for.
 */
#include <fnmatch.h>
#include <string.h>

#include "lib/sys.h"
#include "refs/refs.h"
#include "builtin/repo.h"

static const char for_each_ref_usage[] = "ub for-each-ref [-z] [PATTERN...]";

struct printer {
	struct ub *ub;
	bool nul;
	char **patterns;
	int nr_patterns;
};

/* As git: a glob, or leading parts up to a slash. */
static bool matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	if (fnmatch(pattern, name, 0) == 0)
		return true;
	return n > 0 && strncmp(name, pattern, n) == 0 && (name[n] == '/' || pattern[n - 1] == '/');
}

static bool is_wanted(const struct printer *p, const char *full, const struct ref *ref)
{
	for (int i = 0; i < p->nr_patterns; i++)
		if (matches(p->patterns[i], full) || matches(p->patterns[i], ref->name))
			return true;
	return p->nr_patterns == 0;
}

static void put_json(struct buf *line, const char *full, const struct ref *ref)
{
	struct json j;

	json_begin(&j, line, "ref");
	json_str(&j, "ref", full);
	json_str(&j, "device", ref->device);
	json_str(&j, "name", ref->name);
	json_str(&j, "oid", oid_hex(&ref->commit).s);
	json_time(&j, "time", ref->time_s, ref->time_ns);
	json_bool(&j, "own", ref->is_own);
	json_end(&j);
}

static int print(const struct ref *ref, void *data, struct err *err)
{
	const struct printer *p = data;
	struct buf line = BUF_INIT;
	char *full = xasprintf("%s/%s", ref->device, ref->name);

	(void)err;
	if (is_wanted(p, full, ref)) {
		if (p->ub->json)
			put_json(&line, full, ref);
		else
			buf_printf(&line, "%s %s%c", oid_hex(&ref->commit).s, full,
				   p->nul ? '\0' : '\n');
		out_buf(&p->ub->out, &line);
	}
	sys_free(full);
	buf_release(&line);
	return 0;
}

static int count_problem(const char *device, bool own, const char *what, void *data,
			 struct err *err)
{
	(void)device;
	(void)own;
	(void)what;
	(void)err;
	++*(unsigned int *)data;
	return 0;
}

int cmd_for_each_ref(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct printer p = { .ub = ub };
	unsigned int problems = 0;
	const struct opt opts[] = {
		OPT_FLAG('z', NULL, &p.nul, "end records with NUL"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, for_each_ref_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	p.patterns = argv;
	p.nr_patterns = argc;
	ret = refs_each(ub->refs, print, &p, err);
	if (ret == 0)
		ret = refs_each_problem(ub->refs, count_problem, &problems, err);
	/* What they are was said on opening; a list that lacks refs is not a whole answer. */
	return ret < 0 ? ret : problems > 0 ? EXIT_PARTIAL : 0;
}
