/*
 * The words of a new snapshot.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys.h"
#include "refs/refs.h"

#include "refs/newcommit.h"

static char *user_name(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw && pw->pw_name[0] ? xstrdup(pw->pw_name) :
				      xasprintf("%lu", (unsigned long)geteuid());
}

static int32_t utc_offset(time_t at)
{
	struct tm tm;

	return localtime_r(&at, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

void newcommit_origin(struct commit *c, const char *device)
{
	char host[256];
	struct timespec now;

	sys_hostname(host, sizeof(host));
	sys_now(&now);
	c->device = xstrdup(device);
	c->host = xstrdup(host);
	c->user = user_name();
	c->time_s = now.tv_sec;
	c->time_ns = (uint32_t)now.tv_nsec;
	c->time_offset = utc_offset(now.tv_sec);
}

static int cmp_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int newcommit_tags(struct commit *c, const char *const *tags, size_t nr, struct err *err)
{
	c->tags = xcalloc(nr + 1, sizeof(*c->tags));
	for (; c->nr_tags < nr; c->nr_tags++) {
		const char *tag = tags[c->nr_tags];
		if (!ref_name_is_valid(tag))
			return err_set(err, ERR_USAGE, "'%s' cannot be a tag", tag);
		c->tags[c->nr_tags] = xstrdup(tag);
	}
	qsort(c->tags, c->nr_tags, sizeof(*c->tags), cmp_words);
	size_t kept = 0;
	for (size_t i = 0; i < c->nr_tags; i++) {
		if (kept > 0 && !strcmp(c->tags[kept - 1], c->tags[i]))
			sys_free(c->tags[i]);
		else
			c->tags[kept++] = c->tags[i];
	}
	c->nr_tags = kept;
	return 0;
}

void newcommit_message(struct commit *c, const char *const *paragraphs, size_t nr)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < nr; i++) {
		if (i > 0)
			buf_put_u8(&text, '\n');
		buf_put_str(&text, paragraphs[i]);
		if (text.len > 0 && text.data[text.len - 1] != '\n')
			buf_put_u8(&text, '\n');
	}
	c->message = xstrdup(buf_str(&text));
	buf_release(&text);
}
