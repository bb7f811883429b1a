/*
 * ub status: what a commit made now would change, and what no commit would have.
 *
 * Changes are printed as the walk meets them; how many there are is known, and said, at the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/proof.h"
#include "objects/store-view.h"
#include "refs/date.h"
#include "refs/refs.h"
#include "refs/rev.h"
#include "fs/unprotected.h"
#include "builtin/catalogue.h"
#include "builtin/changes.h"
#include "builtin/snapshot.h"
#include "builtin/walk-setup.h"

#define REF "main"

/* How much is looked at of what is under no source: enough to know what is large. */
static const struct unprotected_limits unprotected_limits = {
	.time_ns = UINT64_C(2000000000), .entries = 1000000, .parts = 10000,
};
enum { PARTS_SHOWN = 20 };

static const char status_usage[] = "ub status [-s] [-z] [-e PATTERN]...";

struct status {
	struct ub *ub;
	struct changes_options o;	/* `nul` alone */
	bool is_short;			/* records only */
	struct exclude_options excludes;
	struct walk_setup walk;
	char *device;
	bool has_head;
	struct oid head;
	struct commit commit;
	struct unprotected_list parts;
	struct proof proof;
	uint64_t sources, absent, added, changed, deleted, metadata;
	struct buf line;
};

/* -- the snapshot before -- */

static int find_main(const struct ref *ref, void *data, struct err *err)
{
	struct status *s = data;

	(void)err;
	if (ref->is_own && strcmp(ref->name, REF) == 0) {
		s->has_head = true;
		s->head = ref->commit;
	}
	return 0;
}

static int read_head(struct status *s, struct err *err)
{
	int ret = refs_each(s->ub->refs, find_main, s, err);

	if (ret == 0 && s->has_head)
		ret = store_read_commit(s->ub->store, &s->head, &s->commit, err);
	return ret;
}

static void put_local(const char *format, int64_t s, struct buf *out)
{
	time_t at = (time_t)s;
	char text[80];
	struct tm tm;

	if (localtime_r(&at, &tm) && strftime(text, sizeof(text), format, &tm))
		buf_put_str(out, text);
	else
		buf_printf(out, "@%" PRId64, s);
}

static void put_list(struct buf *out, uint64_t nr, const char *what, const char **before)
{
	if (nr == 0)
		return;
	buf_printf(out, "%s%" PRIu64 " %s", *before, nr, what);
	*before = ", ";
}

static int put_head(struct status *s, struct err *err)
{
	struct oid_text text;
	struct timespec now;
	const char *before = ": ";

	if (!s->has_head) {
		buf_printf(&s->line, "On %s/" REF ", no snapshot yet\n", s->device);
		return 0;
	}
	int ret = rev_abbreviate(s->ub->store, &s->head, &text, err);
	if (ret < 0)
		return ret;
	buf_printf(&s->line, "On %s/" REF " at %s, committed ", s->device, text.s);
	put_local("%a %b %e %H:%M:%S %Y", s->commit.time_s, &s->line);
	buf_put_str(&s->line, " (");
	sys_now(&now);
	date_put_age(&s->line, &now, s->commit.time_s);
	buf_put_str(&s->line, ")\n");
	if (s->commit.incomplete) {
		buf_put_str(&s->line, "That snapshot is incomplete");
		put_list(&s->line, snapshot_count_rows(&s->commit, NOTE_UNREADABLE), "unreadable",
			 &before);
		put_list(&s->line, snapshot_count_rows(&s->commit, NOTE_ABSENT), "absent", &before);
		buf_put_u8(&s->line, '\n');
	}
	return 0;
}

/* -- what is known of the repository -- */

static int take_proof(struct catalogue *c, void *data, struct err *err)
{
	return proof_take(data, c, err);
}

/* What keeps it from being read is told by who wants more of the catalogue. */
static int read_proof(struct status *s, struct err *err)
{
	int ret = repo_read_notes(s->ub, 0, take_proof, &s->proof, err);

	if (ret >= 0 || ret == ERR_INTERRUPTED)
		return ret < 0 ? ret : 0;
	proof_release(&s->proof);
	err_clear(err);
	return 0;
}

static int put_verified(const struct proof *p, struct ub *ub, const struct timespec *now,
			struct buf *out, struct err *err)
{
	struct oid_text text;

	if (!p->has_verified) {
		buf_put_str(out, "Not verified yet: 'ub verify' opens all of a snapshot\n");
		return 0;
	}
	if (p->verified_all) {
		buf_put_str(out, "Verified: everything, ");
	} else {
		int ret = rev_abbreviate(ub->store, &p->verified, &text, err);
		if (ret < 0)
			return ret;
		buf_printf(out, "Verified: %s, ", text.s);
	}
	date_put_age(out, now, p->verified_s);
	buf_put_u8(out, '\n');
	return 0;
}

static void put_packs(const struct proof *p, const struct timespec *now, struct buf *out)
{
	buf_printf(out, "Packs: %" PRIu64, p->packs);
	if (p->packs_read == 0)
		buf_put_str(out, ", none read back yet: 'ub fsck' reads all");
	else if (p->packs_read == p->packs)
		buf_put_str(out, ", all read back");
	else
		buf_printf(out, ", %" PRIu64 " read back", p->packs_read);
	if (p->packs_read > 0) {
		buf_put_str(out, p->packs_read == 1 ? ", " : ", the oldest reading ");
		date_put_age(out, now, p->oldest_read_s);
	}
	if (p->packs_damaged > 0)
		buf_printf(out, "; %" PRIu64 " damaged", p->packs_damaged);
	buf_put_u8(out, '\n');
}

static int put_proof(struct status *s, struct err *err)
{
	const struct proof *p = &s->proof;
	struct buf *out = &s->line;
	struct timespec now;

	if (!p->is_known || p->packs == 0)
		return 0;
	sys_now(&now);
	if (p->has_failure) {
		buf_put_str(out, "The last commit failed, ");
		date_put_age(out, &now, p->failure_s);
		buf_put_str(out, ": ");
		quote_put_text(out, p->failure, strlen(p->failure));
		buf_put_u8(out, '\n');
	}
	if (p->has_damage) {
		buf_printf(out, "Damage was found, %" PRIu64 " damaged and %" PRIu64 " missing, ",
			   p->damaged, p->missing);
		date_put_age(out, &now, p->damage_s);
		buf_put_str(out, ": 'ub fsck' names it\n");
	}
	int ret = put_verified(p, s->ub, &now, out, err);
	put_packs(p, &now, out);
	return ret;
}

static void put_time(struct json *j, const char *name, bool has, int64_t s, uint32_t ns)
{
	if (has)
		json_time(j, name, s, ns);
	else
		json_null(j, name);
}

static void put_proof_json(const struct proof *p, struct json *j)
{
	bool is_failed = p->has_failure;

	put_time(j, "verified_time", p->has_verified, p->verified_s, p->verified_ns);
	if (p->has_verified && !p->verified_all)
		json_str(j, "verified_commit", oid_hex(&p->verified).s);
	else
		json_null(j, "verified_commit");
	json_u64(j, "packs", p->packs);
	json_u64(j, "packs_read", p->packs_read);
	json_u64(j, "packs_damaged", p->packs_damaged);
	put_time(j, "oldest_read", p->packs_read > 0, p->oldest_read_s, 0);
	json_u64(j, "damaged", p->damaged);
	json_u64(j, "missing", p->missing);
	put_time(j, "failure_time", is_failed, p->failure_s, p->failure_ns);
	if (is_failed)
		json_str(j, "failure", p->failure);
	else
		json_null(j, "failure");
}

/* -- sources -- */

static void put_path(struct status *s, const char *path)
{
	if (s->o.nul)
		buf_put(&s->line, path, strlen(path));
	else
		quote_put(&s->line, path, strlen(path));
	buf_put_u8(&s->line, s->o.nul ? '\0' : '\n');
}

static uint64_t count_sources(const struct waypoint *p)
{
	uint64_t nr = p->is_source;

	for (const struct waypoint *c = p->child; c; c = c->next)
		nr += count_sources(c);
	return nr;
}

/* The walk has found out, if there was one. */
static uint64_t find_absent(struct waypoint *p)
{
	struct stat st;
	uint64_t nr = 0;

	if (p->is_source) {
		char *path = waypoint_path(p);
		p->is_absent |= sys_lstat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
		nr += p->is_absent;
		sys_free(path);
	}
	for (struct waypoint *c = p->child; c; c = c->next)
		nr += find_absent(c);
	return nr;
}

static void put_sources(struct status *s, const struct waypoint *p, bool absent_only)
{
	char *path = p->is_source && (p->is_absent || !absent_only) ? waypoint_path(p) : NULL;
	struct json j;

	if (path && s->ub->json) {
		json_begin(&j, &s->line, "absent");
		json_path(&j, "path", path, strlen(path));
		json_end(&j);
	} else if (path) {
		buf_put_str(&s->line, !s->is_short ? "\t" : s->o.nul ? "!" : "!\t");
		if (s->is_short && s->o.nul)
			buf_put_u8(&s->line, '\0');
		put_path(s, path);
	}
	sys_free(path);
	for (const struct waypoint *c = p->child; c; c = c->next)
		put_sources(s, c, absent_only);
}

/* -- changes -- */

static void flush_line(struct status *s)
{
	out_buf(&s->ub->out, &s->line);
	buf_reset(&s->line);
}

static int take_change(const struct change *c, void *data, struct err *err)
{
	struct status *s = data;
	bool is_first = s->added + s->changed + s->deleted + s->metadata == 0;

	switch (c->status) {
	case CHANGE_ADDED:
		s->added++;
		break;
	case CHANGE_DELETED:
		s->deleted++;
		break;
	case CHANGE_META:
		s->metadata++;
		break;
	default:
		s->changed++;
	}
	if (is_first && !s->is_short)
		buf_put_str(&s->line, "\nA commit now would change:\n");
	if (!s->is_short)
		buf_put_u8(&s->line, '\t');
	changes_put(s->ub, &s->o, c, &s->line);
	flush_line(s);
	return out_failed(&s->ub->out) ? out_flush(&s->ub->out, err) : 0;
}

static int walk(struct status *s, struct err *err)
{
	const struct object_source source = store_source(s->ub->store);
	struct tree_side tree = { &source, &s->commit.tree };
	struct disk_side *disk = NULL;

	if (!s->has_head || s->sources == 0)
		return 0;
	int ret = walk_setup_next(&s->walk, &s->commit, &disk, err);
	if (ret == 0) {
		const struct diff_side old = diff_side_tree(&tree), new = disk_side(disk);
		ret = difftree(&old, &new, NULL, take_change, s, err);
	}
	disk_side_close(disk);
	return ret;
}

/* -- what is under no source -- */

static int look_for_unprotected(struct status *s, struct err *err)
{
	const char *home = getenv("HOME");
	int ret = 0;

	if (home && *home == '/')
		ret = unprotected_find(&s->parts, home, s->walk.root, s->walk.skip,
				       s->walk.nr_skip, &unprotected_limits, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
	} else if (ret == ERR_SYS) {
		s->walk.problems++;
		ub_warn(s->ub, "what is under no source is not known: %s", err->msg);
		err_clear(err);
		ret = 0;
	}
	return ret;
}

static uint64_t unprotected_bytes(const struct status *s, size_t from)
{
	uint64_t sum = 0;

	for (size_t i = from; i < s->parts.nr; i++)
		if (__builtin_add_overflow(sum, s->parts.v[i].bytes, &sum))
			return UINT64_MAX;
	return sum;
}

static void put_size(struct status *s, uint64_t bytes, bool is_complete)
{
	struct buf text = BUF_INIT;

	if (!is_complete)
		buf_put_str(&text, "more than ");
	if (s->ub->out.is_direct)
		buf_put_str(&text, number_human(bytes).s);
	else
		buf_printf(&text, "%" PRIu64, bytes);
	buf_printf(&s->line, "\t%12s", buf_str(&text));
	buf_release(&text);
}

static void put_parts(struct status *s)
{
	size_t shown = s->parts.nr > PARTS_SHOWN ? PARTS_SHOWN : s->parts.nr;
	bool rest_is_complete = !s->parts.is_cut;

	if (s->parts.nr == 0)
		return;
	buf_put_str(&s->line, "\nUnder no source, in bytes, and since when:\n");
	for (size_t i = 0; i < shown; i++) {
		const struct unprotected *u = &s->parts.v[i];
		put_size(s, u->bytes, u->is_complete);
		put_local("  %Y-%m-%d  ", u->since_s, &s->line);
		put_path(s, u->path);
	}
	for (size_t i = shown; i < s->parts.nr; i++)
		rest_is_complete &= s->parts.v[i].is_complete;
	if (shown < s->parts.nr) {
		put_size(s, unprotected_bytes(s, shown), rest_is_complete);
		buf_printf(&s->line, "  in %s%zu others\n", s->parts.is_cut ? "more than " : "",
			   s->parts.nr - shown);
	}
}

static void put_part_record(struct status *s, const struct unprotected *u)
{
	struct json j;

	if (s->ub->json) {
		json_begin(&j, &s->line, "unprotected");
		json_path(&j, "path", u->path, strlen(u->path));
		json_u64(&j, "bytes", u->bytes);
		json_u64(&j, "files", u->files);
		json_time(&j, "since", u->since_s, u->since_ns);
		json_bool(&j, "complete", u->is_complete);
		json_end(&j);
		return;
	}
	buf_put_u8(&s->line, '?');
	buf_put_u8(&s->line, s->o.nul ? '\0' : '\t');
	put_path(s, u->path);
}

/* -- all together -- */

static void put_summary_json(struct status *s)
{
	struct json j;

	json_begin(&j, &s->line, "summary");
	if (s->has_head) {
		json_str(&j, "commit", oid_hex(&s->head).s);
		json_time(&j, "time", s->commit.time_s, s->commit.time_ns);
	} else {
		json_null(&j, "commit");
		json_null(&j, "time");
	}
	json_str(&j, "device", s->device);
	json_u64(&j, "added", s->added);
	json_u64(&j, "changed", s->changed);
	json_u64(&j, "deleted", s->deleted);
	json_u64(&j, "metadata", s->metadata);
	json_u64(&j, "sources", s->sources);
	json_u64(&j, "absent", s->absent);
	json_bool(&j, "incomplete", s->has_head && s->commit.incomplete);
	json_u64(&j, "unprotected_bytes", unprotected_bytes(s, 0));
	put_proof_json(&s->proof, &j);
	json_u64(&j, "errors", s->walk.problems);
	json_end(&j);
}

static void put_records(struct status *s)
{
	for (size_t i = 0; i < s->parts.nr; i++)
		put_part_record(s, &s->parts.v[i]);
	put_sources(s, s->walk.root, true);
	if (s->ub->json)
		put_summary_json(s);
}

static void put_text(struct status *s)
{
	uint64_t nr = s->added + s->changed + s->deleted + s->metadata;

	if (s->sources == 0) {
		buf_put_str(&s->line, "Nothing is under backup: 'ub add PATH' puts it there\n");
	} else if (!s->has_head) {
		buf_put_str(&s->line, "\nA commit now would be the first, of\n");
		put_sources(s, s->walk.root, false);
	} else if (s->absent == s->sources) {
		buf_put_str(&s->line, "None of the sources is there: a commit would be refused\n");
	} else if (nr == 0) {
		buf_put_str(&s->line, "Nothing has changed since\n");
	} else {
		buf_printf(&s->line, "%" PRIu64 " added, %" PRIu64 " changed, %" PRIu64
			   " deleted, %" PRIu64 " with other metadata\n", s->added, s->changed,
			   s->deleted, s->metadata);
	}
	if (s->absent > 0) {
		buf_put_str(&s->line, "\nSources that are not there:\n");
		put_sources(s, s->walk.root, true);
	}
	put_parts(s);
}

static int run(struct status *s, struct err *err)
{
	int ret = walk_setup_init(&s->walk, s->ub, &s->excludes, err);

	if (ret == 0)
		ret = read_head(s, err);
	if (ret < 0)
		return ret;
	s->sources = count_sources(s->walk.root);
	if (!s->is_short)
		ret = put_head(s, err);
	if (ret == 0)
		ret = read_proof(s, err);
	if (ret == 0 && !s->is_short)
		ret = put_proof(s, err);
	flush_line(s);
	if (ret == 0)
		ret = walk(s, err);
	if (ret == 0)
		ret = look_for_unprotected(s, err);
	if (ret < 0)
		return ret;
	s->absent = find_absent(s->walk.root);
	if (s->is_short)
		put_records(s);
	else
		put_text(s);
	flush_line(s);
	return s->walk.problems > 0 ? EXIT_PARTIAL : 0;
}

int cmd_status(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct status s = { .ub = ub, .commit = COMMIT_INIT, .parts = UNPROTECTED_LIST_INIT,
			    .proof = PROOF_INIT, .line = BUF_INIT };
	const struct opt opts[] = {
		OPT_FLAG('s', "short", &s.is_short, "a line for each path, nothing else"),
		OPT_FLAG('z', "null", &s.o.nul, "the same, ended by NUL, names not quoted"),
		EXCLUDE_OPTIONS(&s.excludes),
		OPT_END
	};
	int ret = ub_parse(ub, opts, status_usage, &argc, &argv, err);

	if (ret == 0 && argc > 0)
		ret = err_set(err, ERR_USAGE, "'ub status' takes no arguments");
	if (ret == 0) {
		s.is_short |= s.o.nul || ub->json;
		s.device = repo_device_name(ub);
		ret = run(&s, err);
	}
	walk_setup_release(&s.walk);
	exclude_options_release(&s.excludes);
	unprotected_list_release(&s.parts);
	proof_release(&s.proof);
	commit_release(&s.commit);
	buf_release(&s.line);
	sys_free(s.device);
	return ret;
}
