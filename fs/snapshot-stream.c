/*
 * What comes through a pipe, as one file of a snapshot: the tree that the walk made, with the file
 * put in at its path.
 */
#include <string.h>
#include <unistd.h>

#include "lib/sys.h"
#include "objects/content.h"
#include "objects/dir.h"
#include "objects/store-view.h"
#include "fs/snapshot-internal.h"

struct stream {
	const struct snapshot_options *o;
	int fd;
	const char *name;
	const struct object_sink *sink;
	struct object_source source;
	struct stream_file *file;
};

static void put_attrs(struct stream *s)
{
	struct timespec now;

	sys_now(&now);
	attr_put_mtime(&s->file->attrs, now.tv_sec, (uint32_t)now.tv_nsec);
	attr_put_varint(&s->file->attrs, ATTR_UID, geteuid());
	attr_put_varint(&s->file->attrs, ATTR_GID, getegid());
	s->file->entry.attrs = s->file->attrs.data;
	s->file->entry.attrs_len = s->file->attrs.len;
}

/*
 * A pipe cannot be read twice, so the first bytes are held: content of INLINE_MAX bytes or less
 * stands in the tree.
 */
static int read_stream(struct stream *s, struct err *err)
{
	unsigned int workers = s->o->scan.workers;
	struct content_input in = { .fd = s->fd, .name = s->name };
	struct content_writer *cw;
	struct chunker_params params = store_chunker_params(s->o->scan.store);
	struct content c;
	void *head = buf_extend(&s->file->data, INLINE_MAX + 1);

	ssize_t got = sys_read_full(in.fd, head, INLINE_MAX + 1);
	if (got < 0)
		return err_sys(err, "read '%s'", in.name);
	buf_truncate(&s->file->data, (size_t)got);
	if (got <= INLINE_MAX) {
		s->file->entry.size = (uint64_t)got;
		s->file->entry.content = got ? CONTENT_INLINE : CONTENT_NONE;
		s->file->entry.data = s->file->data.data;
		return 0;
	}
	in.head = s->file->data.data;
	in.head_len = s->file->data.len;
	cw = content_writer_new(&params, s->sink);
	int ret = content_write_parallel(cw, workers, &in, &c, err);
	content_writer_free(cw);
	if (ret < 0)
		return ret;
	s->file->entry.size = c.size;
	s->file->entry.content = c.kind;
	s->file->entry.id = c.id;
	return 0;
}

/* The tree `base` (NULL: empty) with the file at `path`. */
static int insert(struct stream *s, const struct oid *base, const char *path, struct oid *out,
		  struct err *err)
{
	struct tree_builder *b = tree_builder_new(s->sink);
	struct dir_reader *d = NULL;
	size_t n = strcspn(path, "/");
	struct tree_entry e, own = s->file->entry;
	bool is_put = false;
	int ret = base ? dir_open(&d, &s->source, base, err) : 0;

	own.name = (const unsigned char *)path;
	own.name_len = n;
	if (path[n] == '/')
		own = (struct tree_entry){
			.name = own.name, .name_len = n, .type = ENTRY_DIR, .mode = 0755,
			.content = CONTENT_TREE,
		};
	while (ret == 0 && d && (ret = dir_next(d, &e, err)) > 0) {
		int c = name_cmp(e.name, e.name_len, path, n);
		ret = 0;
		if (c >= 0 && !is_put) {
			bool is_dir = c == 0 && e.content == CONTENT_TREE;
			if (path[n] == '/') {
				struct oid id = e.id;
				if (is_dir)
					own = e;
				ret = insert(s, is_dir ? &id : NULL, path + n + 1, &own.id, err);
			}
			if (ret == 0)
				ret = tree_builder_add(b, &own, err);
			is_put = true;
		}
		if (c != 0 && ret == 0)
			ret = tree_builder_add(b, &e, err);
	}
	if (ret == 0 && !is_put) {
		if (path[n] == '/')
			ret = insert(s, NULL, path + n + 1, &own.id, err);
		if (ret == 0)
			ret = tree_builder_add(b, &own, err);
	}
	if (ret == 0)
		ret = tree_builder_end(b, out, err);
	dir_close(d);
	tree_builder_free(b);
	return ret;
}

static int read_once(struct stream *s, struct err *err)
{
	if (s->file->is_read)
		return 0;
	s->file->entry = (struct tree_entry){ .type = ENTRY_FILE, .mode = 0600 };
	int ret = read_stream(s, err);
	if (ret == 0 && s->o->stream_end)
		ret = s->o->stream_end(s->o->stream_data, err);
	if (ret == 0)
		put_attrs(s);
	s->file->is_read = ret == 0;
	return ret;
}

int stream_read(const struct snapshot_options *o, const struct object_sink *sink, int fd,
		const char *name, struct stream_file *file, struct err *err)
{
	struct stream s = { .o = o, .fd = fd, .name = name, .sink = sink, .file = file };

	file->entry = (struct tree_entry){ .type = ENTRY_FILE, .mode = 0600 };
	int ret = read_stream(&s, err);
	if (ret == 0)
		put_attrs(&s);
	file->is_read = ret == 0;
	return ret;
}

void stream_file_release(struct stream_file *file)
{
	buf_release(&file->data);
	buf_release(&file->attrs);
}

int snapshot_stream(const struct snapshot_options *o, const struct object_sink *sink,
		    const struct oid *base, struct stream_file *file, struct scan *scan,
		    struct err *err)
{
	struct stream s = {
		.o = o, .fd = o->stream_fd, .name = o->stream_name, .sink = sink,
		.source = store_source(o->scan.store), .file = file,
	};
	int ret = read_once(&s, err);

	if (ret < 0)
		return ret;
	scan->counts.files++;
	scan->counts.files_new++;
	scan->counts.bytes += file->entry.size;
	scan->counts.bytes_read += file->entry.size;
	scan->has_changed = true;
	return insert(&s, base, o->stream_name + 1, &scan->tree, err);
}
