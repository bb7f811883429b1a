/*
 * Running a pattern's program: all its paths at once, and each set of places where it can be
 * remembered as one state, so that a byte costs a look into a table.  States are made when a text
 * first leads to them; when there are too many, all are forgotten.
 */
#include <string.h>

#include "lib/sys.h"
#include "lib/buf.h"
#include "lib/regex-internal.h"

#include "lib/regex.h"

#define STATES_MAX 2000
#define SLOTS 4096		/* a power of two, twice the states */

struct state {
	uint16_t *steps; size_t nr;
	bool is_done, ends_done;	/* fits; fits if the text ends here */
	bool is_final;			/* whatever follows, it stays so */
	struct state *next[256];	/* NULL: not known yet */
};

struct regex {
	struct regex_program g;
	struct state *states[STATES_MAX];
	int32_t nr_states;
	int32_t slots[SLOTS];		/* state number, or -1 */
	/* The set being put together, and steps still to look at. */
	uint16_t *set; size_t nr_set;
	uint16_t *stack;
	uint32_t *seen, round;
	/* What texts begin with, and the state after it: NULL, or of states that are forgotten. */
	struct buf head;
	struct state *after;
	unsigned int times_forgotten, after_times;
	struct buf literal;
};

static void forget(struct regex *r)
{
	for (int32_t i = 0; i < r->nr_states; i++) {
		sys_free(r->states[i]->steps);
		sys_free(r->states[i]);
	}
	r->nr_states = 0;
	r->times_forgotten++;
	memset(r->slots, 0xff, sizeof(r->slots));
}

static void begin_set(struct regex *r)
{
	r->nr_set = 0;
	r->round++;
	if (r->round == 0) {
		memset(r->seen, 0, r->g.nr * sizeof(*r->seen));
		r->round = 1;
	}
}

/* Add step `at` and all that it leads to without a byte. */
static void add(struct regex *r, size_t at, bool begins, bool ends)
{
	size_t nr = 0;

	r->stack[nr++] = (uint16_t)at;
	while (nr > 0) {
		uint16_t i = r->stack[--nr];
		const struct regex_step *s = &r->g.v[i];
		if (r->seen[i] == r->round)
			continue;
		r->seen[i] = r->round;
		if (s->op == REGEX_SPLIT)
			r->stack[nr++] = (uint16_t)(i + s->other);
		if (s->op == REGEX_SPLIT || s->op == REGEX_JUMP)
			r->stack[nr++] = (uint16_t)(i + s->to);
		else if ((s->op == REGEX_BEGIN && begins) || (s->op == REGEX_END && ends))
			r->stack[nr++] = (uint16_t)(i + 1);
		else if (s->op != REGEX_BEGIN)
			r->set[r->nr_set++] = i;
	}
}

static bool set_is_done(const struct regex *r)
{
	for (size_t i = 0; i < r->nr_set; i++)
		if (r->g.v[r->set[i]].op == REGEX_DONE)
			return true;
	return false;
}

/* Would it be done if the text ended at state `st`? */
static bool is_done_at_end(struct regex *r, const struct state *st, bool begins)
{
	begin_set(r);
	for (size_t i = 0; i < st->nr; i++)
		add(r, st->steps[i], begins, true);
	return set_is_done(r);
}

/* The state for the set that was put together; a new one forgets all others when there are many. */
static struct state *state_for_set(struct regex *r, bool begins)
{
	uint32_t hash = begins;
	size_t bytes = r->nr_set * sizeof(*r->set);

	for (size_t i = 0; i < r->nr_set; i++)
		hash = (hash ^ r->set[i]) * 0x9e3779b1u;
	hash ^= hash >> 15;
	for (; !begins && r->slots[hash % SLOTS] >= 0; hash++) {
		int32_t nr = r->slots[hash % SLOTS];
		if (r->states[nr]->nr == r->nr_set &&
		    memcmp(r->states[nr]->steps, r->set, bytes) == 0)
			return r->states[nr];
	}
	struct state *st = xmalloc(sizeof(*st));
	st->nr = r->nr_set;
	st->steps = xmalloc(bytes + 1);
	memcpy(st->steps, r->set, bytes);
	memset(st->next, 0, sizeof(st->next));
	st->is_done = set_is_done(r);
	st->is_final = st->is_done || st->nr == 0;
	st->ends_done = is_done_at_end(r, st, begins);
	if (!begins)
		r->slots[hash % SLOTS] = r->nr_states;
	r->states[r->nr_states++] = st;
	return st;
}

/* State 0 is the one that every text begins in; it is in no slot. */
static void make_first(struct regex *r)
{
	forget(r);
	begin_set(r);
	add(r, 0, true, false);
	state_for_set(r, true);
}

static struct state *step(struct regex *r, struct state *st, unsigned char c)
{
	begin_set(r);
	for (size_t i = 0; i < st->nr; i++) {
		const struct regex_step *s = &r->g.v[st->steps[i]];
		if (s->op == REGEX_SET && regex_set_has(&s->set, c))
			add(r, st->steps[i] + 1u, false, false);
	}
	add(r, 0, false, false);	/* it may also begin here */
	if (r->nr_states < STATES_MAX) {
		st->next[c] = state_for_set(r, false);
		return st->next[c];
	}
	/* The set outlives the states: it is taken aside, since making the first one uses it. */
	size_t nr = r->nr_set;
	uint16_t *kept = xmalloc(nr * sizeof(*kept) + 1);
	memcpy(kept, r->set, nr * sizeof(*kept));
	make_first(r);
	memcpy(r->set, kept, nr * sizeof(*kept));
	r->nr_set = nr;
	sys_free(kept);
	return state_for_set(r, false);
}

/* Where `text` leads to from state `st`; stops where the rest does not matter. */
static struct state *run(struct regex *r, struct state *st, const void *text, size_t n)
{
	const unsigned char *p = text, *end = p + n;

	for (; p < end && !st->is_final; p++) {
		struct state *to = st->next[*p];
		st = to ? to : step(r, st, *p);
	}
	return st;
}

bool regex_match(struct regex *r, const void *text, size_t n)
{
	const struct state *st = run(r, r->states[0], text, n);

	return st->is_done || (!st->is_final && st->ends_done);
}

bool regex_begin(struct regex *r, const void *head, size_t n)
{
	if (head != r->head.data) {
		buf_reset(&r->head);
		buf_put(&r->head, head, n);
	}
	r->after = run(r, r->states[0], head, n);
	r->after_times = r->times_forgotten;
	return r->after->is_done || !r->after->is_final;
}

bool regex_match_rest(struct regex *r, const void *text, size_t n)
{
	if (r->after_times != r->times_forgotten)
		regex_begin(r, r->head.data, r->head.len);
	const struct state *st = run(r, r->after, text, n);

	return st->is_done || (!st->is_final && st->ends_done);
}

const void *regex_literal(const struct regex *r, size_t *size_out)
{
	*size_out = r->literal.len;
	return r->literal.data;
}

int regex_new(struct regex **out, const char *pattern, unsigned int flags, struct err *err)
{
	struct regex *r = xcalloc(1, sizeof(*r));
	int ret = regex_parse(&r->g, pattern, flags, err);

	if (ret < 0) {
		regex_free(r);
		return ret;
	}
	r->head = r->literal = (struct buf)BUF_INIT;
	regex_find_literal(&r->g, &r->literal);
	r->set = xcalloc(r->g.nr, sizeof(*r->set));
	r->stack = xcalloc(2 * r->g.nr + 2, sizeof(*r->stack));
	r->seen = xcalloc(r->g.nr, sizeof(*r->seen));
	make_first(r);
	*out = r;
	return 0;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	forget(r);
	buf_release(&r->head);
	buf_release(&r->literal);
	sys_free(r->g.v);
	sys_free(r->set);
	sys_free(r->stack);
	sys_free(r->seen);
	sys_free(r);
}
