/*
 * ub verify: open everything that a snapshot reaches, and compare it with the disk if asked to.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/verify.h"
#include "refs/rev.h"
#include "builtin/catalogue.h"
#include "builtin/changes.h"
#include "builtin/repo.h"
#include "builtin/verify-against.h"

static const char verify_usage[] =
	"ub verify [--deep] [--sample PERCENT] [--seed N] [REV...]\n"
	"ub verify --against [--deep] [--sample PERCENT] [--seed N] [REV] [-- PATH...]";

struct verify_cmd {
	struct ub *ub;
	struct verify_root *roots;
	size_t nr;
	struct verify_options opts;
	struct verify_totals totals;
	bool is_against;		/* compare with the disk, too: */
	struct oid commit;
	bool is_snapshot;		/* one, and all of it */
	struct catalogue_reading *readings;
	size_t nr_readings, alloc_readings;
	struct path_set paths;
	struct verify_against against;
};

/* -- findings -- */

static void put_text(const struct verify_finding *f, struct buf *line)
{
	buf_printf(line, "%s", f->is_missing ? "missing" : "damaged");
	if (f->id)
		buf_printf(line, " %s %s", obj_type_name(f->type), oid_hex(f->id).s);
	if (f->path) {
		buf_put_str(line, f->id ? ", " : " ");
		quote_put(line, f->path, f->path_len);
	}
	/* The sentence often names the pack itself: once is enough. */
	if (f->pack && !strstr(f->what, f->pack))
		buf_printf(line, ", pack '%s'", f->pack);
	buf_printf(line, ": %s\n", f->what);
}

static void put_json(const struct verify_finding *f, struct buf *line)
{
	struct json j;

	json_begin(&j, line, "damage");
	json_str(&j, "kind", f->is_missing ? "missing" : "damaged");
	if (f->id) {
		json_str(&j, "oid", oid_hex(f->id).s);
		json_str(&j, "object_type", obj_type_name(f->type));
	}
	if (f->path)
		json_path(&j, "path", f->path, f->path_len);
	if (f->pack)
		json_path(&j, "pack", f->pack, strlen(f->pack));
	json_str(&j, "message", f->what);
	json_end(&j);
}

static int found(const struct verify_finding *f, void *data, struct err *err)
{
	struct verify_cmd *v = data;
	struct buf line = BUF_INIT;

	if (v->ub->json)
		put_json(f, &line);
	else
		put_text(f, &line);
	out_buf(&v->ub->out, &line);
	buf_release(&line);
	return out_failed(&v->ub->out) ? out_flush(&v->ub->out, err) : 0;
}

static void hashed(const struct pack_id *id, bool is_damaged, void *data)
{
	struct verify_cmd *v = data;

	if (v->nr_readings == v->alloc_readings) {
		v->alloc_readings = v->alloc_readings ? 2 * v->alloc_readings : 64;
		v->readings = xrealloc(v->readings, v->alloc_readings * sizeof(*v->readings));
	}
	v->readings[v->nr_readings++] = (struct catalogue_reading){ *id, is_damaged };
}

static void summary(struct verify_cmd *v, uint64_t started)
{
	const struct verify_totals *t = &v->totals;
	double seconds = (double)(sys_monotonic_ns() - started) / 1e9;
	struct buf line = BUF_INIT;
	struct json j;

	if (t->index_was_rebuilt)
		ub_warn(v->ub, "the index was damaged and has been rebuilt");
	if (!v->ub->json) {
		ub_say(v->ub, "%" PRIu64 " objects in %" PRIu64 " packs, %" PRIu64 " bytes: %"
		       PRIu64 " damaged, %" PRIu64 " missing", t->objects, t->packs, t->bytes,
		       t->damaged, t->missing);
		if (v->is_against)
			ub_say(v->ub, "%" PRIu64 " bytes read from the disk: %" PRIu64 " different",
			       v->against.bytes, v->against.different);
		return;
	}
	json_begin(&j, &line, "summary");
	json_bool(&j, "ok", t->damaged + t->missing + v->against.different +
			    v->against.problems == 0);
	json_u64(&j, "objects", t->objects);
	json_u64(&j, "packs", t->packs);
	json_u64(&j, "shards", 0);
	json_u64(&j, "damaged", t->damaged);
	json_u64(&j, "missing", t->missing);
	json_u64(&j, "bytes", t->bytes);
	if (v->is_against) {
		json_u64(&j, "bytes_compared", v->against.bytes);
		json_u64(&j, "different", v->against.different);
		json_u64(&j, "errors", v->against.problems);
	}
	if (v->opts.sample < VERIFY_SAMPLE_ALL)
		json_u64(&j, "seed", v->opts.seed);
	json_double(&j, "seconds", seconds);
	json_end(&j);
	out_buf(&v->ub->out, &line);
	buf_release(&line);
}

/* -- what is to be verified -- */

/* A bare name may be meant as a remote's. */
static bool may_be_remote(const char *text)
{
	return !strpbrk(text, ":~^@") && strcmp(text, "HEAD") != 0;
}

static int add_root(struct verify_cmd *v, const char *text, struct err *err)
{
	struct rev rev = REV_INIT;
	int ret = rev_parse(v->ub->refs, v->ub->store, text, &rev, err);

	if (ret == ERR_NOT_FOUND && may_be_remote(text)) {
		struct err why = *err;
		return err_set(err, why.code, "%s, and this ub knows no remotes yet", why.msg);
	}
	if (ret < 0)
		return ret;
	if (rev.type == OBJ_NONE && !rev.has_entry) {
		ret = err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			      oid_hex(&rev.id).s);
	} else if (rev.type != OBJ_NONE && !rev.is_inline) {
		v->roots = xrealloc(v->roots, (v->nr + 1) * sizeof(*v->roots));
		v->roots[v->nr++] = (struct verify_root){
			rev.id, rev.type, rev.path ? xstrdup(rev.path) : NULL,
		};
	}
	if (ret == 0 && v->is_against && (rev.path || oid_is_zero(&rev.commit)))
		ret = err_set(err, ERR_USAGE, "only a whole snapshot can be compared with the disk;"
			      " paths follow --");
	v->commit = rev.commit;
	v->is_snapshot = v->nr == 1 && oid_eq(&rev.id, &rev.commit) && !rev.path;
	rev_release(&rev);
	return ret;
}

static int add_roots(struct verify_cmd *v, int argc, char **argv, struct err *err)
{
	int ret = argc == 0 ? add_root(v, "HEAD", err) : 0;

	for (int i = 0; ret == 0 && i < argc; i++)
		ret = add_root(v, argv[i], err);
	return ret;
}

/* "5", "0.5" or "2.5%": of a hundred. */
static int parse_sample(const char *text, uint32_t *out, struct err *err)
{
	char *end;
	double percent = strtod(text, &end);

	if (*end == '%')
		end++;
	if (end == text || *end || !(percent > 0 && percent <= 100))
		return err_set(err, ERR_USAGE, "--sample takes a percentage above 0 and up to 100, "
			       "not '%s'", text);
	*out = (uint32_t)(percent * VERIFY_SAMPLE_ALL / 100 + 0.5);
	return 0;
}

static int parse_options(struct verify_cmd *v, const char *sample, const char *seed,
			 struct err *err)
{
	int ret = sample ? parse_sample(sample, &v->opts.sample, err) : 0;

	if (ret < 0)
		return ret;
	if (!seed)
		sys_random(&v->opts.seed, sizeof(v->opts.seed));
	else if (!number_parse(seed, &v->opts.seed))
		return err_set(err, ERR_USAGE, "--seed takes a number, not '%s'", seed);
	return 0;
}

static int verify_snapshots(struct verify_cmd *v, int argc, char **argv, struct err *err)
{
	int ret = add_roots(v, argc, argv, err);

	/* An index read after the refs knows all that they reach. */
	if (ret == 0)
		ret = index_refresh(store_index(v->ub->store), err);
	if (ret == 0)
		ret = verify_run(v->ub->store, v->roots, v->nr, &v->opts, &v->totals, err);
	for (size_t i = 0; i < v->nr; i++)
		sys_free((char *)v->roots[i].path);
	sys_free(v->roots);
	return ret;
}

/* What damage keeps from being compared is said; the damage itself was. */
static int compare(struct verify_cmd *v, struct err *err)
{
	int ret = verify_against(v->ub, &v->commit, &v->paths, &v->against, err);

	if ((ret == ERR_CORRUPT || ret == ERR_NOT_FOUND) &&
	    v->totals.damaged + v->totals.missing > 0) {
		ub_warn(v->ub, "not all could be compared: %s", err->msg);
		v->against.problems++;
		err_clear(err);
		ret = 0;
	}
	return ret;
}

static int answer(const struct verify_cmd *v)
{
	if (v->totals.damaged + v->totals.missing > 0)
		return EXIT_DAMAGED;
	if (v->against.problems > 0)
		return EXIT_PARTIAL;
	if (v->against.different > 0)
		return EXIT_FAILED;
	return v->totals.index_was_rebuilt ? EXIT_HEALED : 0;
}

static void note_run(struct verify_cmd *v, uint64_t started)
{
	struct history_news news = {
		.run = repo_run("verify", started, answer(v)),
		.readings = v->readings, .nr = v->nr_readings,
	};

	news.run.share = v->opts.sample;
	news.run.objects = v->totals.objects;
	news.run.bytes = v->totals.bytes;
	news.run.damaged = v->totals.damaged;
	news.run.missing = v->totals.missing;
	news.run.has_commit = v->is_snapshot;
	news.run.commit = v->commit;
	repo_note_run(v->ub, &news);
	sys_free(v->readings);
}

int cmd_verify(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct verify_cmd v = { .ub = ub, .opts = { .sample = VERIFY_SAMPLE_ALL },
				.paths = PATH_SET_INIT };
	const char *sample = NULL, *seed = NULL;
	const struct opt opts[] = {
		OPT_FLAG(0, "deep", &v.opts.deep, "hash whole packs too"),
		OPT_STR(0, "sample", &sample, "PERCENT", "open only so much of the content"),
		OPT_STR(0, "seed", &seed, "N", "with --sample: draw as another run did"),
		OPT_FLAG(0, "against", &v.is_against, "then compare every file with the disk"),
		OPT_END
	};
	uint64_t started = sys_monotonic_ns();
	int nr_paths;
	char **named = ub_cut_paths(&argc, argv, &nr_paths);
	int ret = ub_parse(ub, opts, verify_usage, &argc, &argv, err);

	v.opts.progress = ub_progress(ub);
	v.opts.found = found;
	v.opts.hashed = hashed;
	v.opts.data = &v;
	if (ret == 0 && !v.is_against && nr_paths > 0)
		ret = err_set(err, ERR_USAGE, "-- PATH goes with --against");
	if (ret == 0 && v.is_against && argc > 1)
		ret = err_set(err, ERR_USAGE, "one snapshot at a time can be compared with the "
			      "disk; paths follow --");
	if (ret == 0)
		ret = changes_take_paths(&v.paths, named, nr_paths, err);
	if (ret == 0)
		ret = parse_options(&v, sample, seed, err);
	if (ret == 0)
		ret = verify_snapshots(&v, argc, argv, err);
	if (ret == 0 && v.is_against)
		ret = compare(&v, err);
	path_set_release(&v.paths);
	if (ret < 0) {
		sys_free(v.readings);
		return ret;
	}
	summary(&v, started);
	note_run(&v, started);
	return answer(&v);
}
