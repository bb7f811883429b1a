/*
 * What every text that fits has in it: found in the program, whatever it was written as.
 *
 * A step that no jump passes over is taken by every text that fits.  Two such steps that follow
 * each other are taken one right after the other, at least once: jumps back come later.
 */
#include "lib/regex-internal.h"
#include "lib/sys.h"

/* Steps that some way through the program leaves out. */
static bool *find_passed_over(const struct regex_program *g)
{
	int *depth = xcalloc(g->nr + 1, sizeof(*depth));
	bool *passed = xcalloc(g->nr + 1, sizeof(*passed));

	for (size_t i = 0; i < g->nr; i++) {
		const struct regex_step *s = &g->v[i];
		const int to[] = { s->op == REGEX_SPLIT || s->op == REGEX_JUMP ? s->to : 0,
				   s->op == REGEX_SPLIT ? s->other : 0 };
		for (size_t k = 0; k < 2; k++) {
			if (to[k] > 1) {
				depth[i + 1]++;
				depth[i + (size_t)to[k]]--;
			}
		}
	}
	for (size_t i = 0, now = 0; i < g->nr; i++) {
		now += (size_t)depth[i];
		passed[i] = now > 0;
	}
	sys_free(depth);
	return passed;
}

/* The one byte that this step takes; -1: it takes several, or none. */
static int only_byte(const struct regex_step *s)
{
	int found = -1;

	if (s->op != REGEX_SET)
		return -1;
	for (int c = 1; c < 256; c++) {
		if (!regex_set_has(&s->set, (unsigned int)c))
			continue;
		if (found >= 0)
			return -1;
		found = c;
	}
	return found == '/' || regex_set_has(&s->set, 0) ? -1 : found;
}

void regex_find_literal(const struct regex_program *g, struct buf *out)
{
	bool *passed = find_passed_over(g);
	size_t start = 0, best = 0, best_len = 0;

	for (size_t i = 0; i <= g->nr; i++) {
		if (i < g->nr && !passed[i] && only_byte(&g->v[i]) >= 0)
			continue;
		if (i - start > best_len) {
			best = start;
			best_len = i - start;
		}
		start = i + 1;
	}
	for (size_t i = best; i < best + best_len; i++)
		buf_put_u8(out, (uint8_t)only_byte(&g->v[i]));
	sys_free(passed);
}
