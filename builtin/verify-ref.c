/*
 * ub verify-ref: check the signed history behind names.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/sys.h"
#include "refs/log.h"
#include "refs/refs.h"
#include "builtin/repo.h"

static const char verify_ref_usage[] = "ub verify-ref [REF...]";

struct check {
	struct ub *ub;
	const char *device;
	uint64_t findings, all_findings;

	/* where logs are named */
	const char *want;
	bool is_found;
};

static int print_finding(const char *path, const char *what, void *data, struct err *err)
{
	struct check *c = data;
	struct buf line = BUF_INIT;

	(void)err;
	c->findings++;
	if (c->ub->json) {
		struct json j;
		json_begin(&j, &line, "damage");
		if (c->device)
			json_str(&j, "device", c->device);
		json_path(&j, "path", path, strlen(path));
		json_str(&j, "message", what);
		json_end(&j);
	} else {
		/* What names its file says so itself. */
		if (strstr(what, path))
			buf_printf(&line, "bad %s\t%s\n", c->device ? c->device : "-", what);
		else
			buf_printf(&line, "bad %s\t'%s': %s\n", c->device ? c->device : "-", path,
				   what);
	}
	out_buf(&c->ub->out, &line);
	buf_release(&line);
	return 0;
}

static void print_log(struct check *c, uint64_t records)
{
	struct buf line = BUF_INIT;

	if (c->ub->json) {
		struct json j;
		json_begin(&j, &line, "log");
		json_str(&j, "device", c->device);
		json_u64(&j, "records", records);
		json_bool(&j, "ok", c->findings == 0);
		json_end(&j);
	} else if (c->findings == 0) {
		buf_printf(&line, "ok %s %" PRIu64 " records\n", c->device, records);
	}
	out_buf(&c->ub->out, &line);
	buf_release(&line);
}

static int check_log(const struct log_info *l, void *data, struct err *err)
{
	struct check *c = data;
	uint64_t records;

	c->device = l->device;
	c->findings = 0;
	int ret = refs_verify_log(c->ub->refs, l->id, print_finding, c, &records, err);
	if (ret == 0)
		print_log(c, records);
	c->all_findings += c->findings;
	c->device = NULL;
	return ret;
}

/* DEVICE or DEVICE/REF; two devices of one name are both checked. */
static int check_named(const struct log_info *l, void *data, struct err *err)
{
	struct check *c = data;
	size_t n = strlen(l->device);

	if (strncmp(c->want, l->device, n) != 0 || (c->want[n] && c->want[n] != '/'))
		return 0;
	c->is_found = true;
	return check_log(l, c, err);
}

struct only { struct check *check; struct device_id id; bool own; };

static int check_only(const struct log_info *l, void *data, struct err *err)
{
	const struct only *o = data;

	if (o->own ? !l->is_own : memcmp(l->id, o->id.b, sizeof(o->id.b)) != 0)
		return 0;
	return check_log(l, o->check, err);
}

static int check_one(struct check *c, const char *name, struct err *err)
{
	struct only only = { .check = c };
	struct ref ref;
	int ret;

	c->want = name;
	c->is_found = false;
	ret = refs_each_log(c->ub->refs, check_named, c, err);
	if (ret < 0 || c->is_found)
		return ret;
	ret = refs_find(c->ub->refs, name, &ref, err);
	if (ret == ERR_CORRUPT) {
		/* A damaged log cannot say whether it has the ref: one's own, then. */
		err_clear(err);
		only.own = true;
	} else if (ret < 0) {
		return ret;
	} else {
		log_device_id(&only.id, ref.device_key);
	}
	return refs_each_log(c->ub->refs, check_only, &only, err);
}

static int check_all(struct check *c, struct err *err)
{
	int ret = refs_each_log(c->ub->refs, check_log, c, err);

	c->findings = 0;
	if (ret == 0)
		ret = refs_verify_shared(c->ub->refs, print_finding, c, err);
	c->all_findings += c->findings;
	return ret;
}

int cmd_verify_ref(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct check c = { .ub = ub };
	const struct opt opts[] = { OPT_END };
	int ret = ub_parse(ub, opts, verify_ref_usage, &argc, &argv, err);

	if (ret == 0 && argc == 0)
		ret = check_all(&c, err);
	for (int i = 0; ret == 0 && i < argc; i++)
		ret = check_one(&c, argv[i], err);
	if (ret == 0 && c.all_findings > 0)
		ret = EXIT_DAMAGED;
	return ret;
}
