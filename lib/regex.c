/*
 * Running a pattern's program: all its paths at once, and each set of places where it can be
 * remembered as one state, so that a byte costs a look into a table.  States are made when a text
 * first leads to them; when there are too many, all are forgotten.
 */
#include <string.h>

#include "lib/sys.h"
#include "lib/regex-internal.h"

#include "lib/regex.h"

#define STATES_MAX 500
#define SLOTS 1024		/* a power of two, twice the states */

struct state {
	uint16_t *steps; size_t nr;
	bool is_done, ends_done;	/* fits; fits if the text ends here */
	int32_t next[256];		/* -1: not known yet */
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
	/* Where the first part of a text led to, as long as no states were forgotten. */
	const void *head;
	size_t head_size;
	int32_t head_at;
};

static void forget(struct regex *r)
{
	for (int32_t i = 0; i < r->nr_states; i++) {
		sys_free(r->states[i]->steps);
		sys_free(r->states[i]);
	}
	r->nr_states = 0;
	r->head = NULL;
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
static int32_t state_for_set(struct regex *r, bool begins)
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
			return nr;
	}
	struct state *st = xmalloc(sizeof(*st));
	st->nr = r->nr_set;
	st->steps = xmalloc(bytes + 1);
	memcpy(st->steps, r->set, bytes);
	memset(st->next, 0xff, sizeof(st->next));
	st->is_done = set_is_done(r);
	st->ends_done = is_done_at_end(r, st, begins);
	if (!begins)
		r->slots[hash % SLOTS] = r->nr_states;
	r->states[r->nr_states] = st;
	return r->nr_states++;
}

/* State 0 is the one that every text begins in; it is in no slot. */
static void make_first(struct regex *r)
{
	forget(r);
	begin_set(r);
	add(r, 0, true, false);
	state_for_set(r, true);
}

static int32_t step(struct regex *r, int32_t from, unsigned char c)
{
	const struct state *st = r->states[from];
	int32_t to;

	begin_set(r);
	for (size_t i = 0; i < st->nr; i++) {
		const struct regex_step *s = &r->g.v[st->steps[i]];
		if (s->op == REGEX_SET && regex_set_has(&s->set, c))
			add(r, st->steps[i] + 1u, false, false);
	}
	add(r, 0, false, false);	/* it may also begin here */
	if (r->nr_states < STATES_MAX) {
		to = state_for_set(r, false);
		r->states[from]->next[c] = to;
		return to;
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

/* From a state on; it stays where it is done, or can never be. */
static int32_t run(struct regex *r, int32_t at, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct state *st = r->states[at];
		if (st->is_done || st->nr == 0)
			break;
		int32_t to = st->next[p[i]];
		at = to >= 0 ? to : step(r, at, p[i]);
	}
	return at;
}

static bool is_match(const struct regex *r, int32_t at)
{
	return r->states[at]->is_done || r->states[at]->ends_done;
}

bool regex_match(struct regex *r, const void *text, size_t n)
{
	return is_match(r, run(r, 0, text, n));
}

bool regex_match_below(struct regex *r, const void *head, size_t head_size, const void *text,
		       size_t n)
{
	if (!head || r->head != head || r->head_size != head_size) {
		int32_t at = run(r, 0, head, head_size);
		r->head = head;
		r->head_size = head_size;
		r->head_at = at;
	}
	return is_match(r, run(r, r->head_at, text, n));
}

int regex_new(struct regex **out, const char *pattern, unsigned int flags, struct err *err)
{
	struct regex *r = xcalloc(1, sizeof(*r));
	int ret = regex_parse(&r->g, pattern, flags, err);

	if (ret < 0) {
		regex_free(r);
		return ret;
	}
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
	sys_free(r->g.v);
	sys_free(r->set);
	sys_free(r->stack);
	sys_free(r->seen);
	sys_free(r);
}
