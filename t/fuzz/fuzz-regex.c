/* Patterns as people type them: flags, the pattern, NUL, a text. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 1 ? memchr(data + 1, 0, size - 1) : NULL;
	struct err err = ERR_INIT;
	struct regex *r = NULL;
	size_t literal_len;

	if (!nul)
		return 0;
	if (regex_new(&r, (const char *)data + 1, data[0] & (REGEX_FOLDS | REGEX_GLOB),
		      &err) == 0) {
		size_t n = size - (size_t)(nul + 1 - data);
		bool fits = regex_match(r, nul + 1, n);
		bool can = regex_begin(r, nul + 1, n / 2);
		if (regex_match_rest(r, nul + 1 + n / 2, n - n / 2) != fits || (fits && !can))
			abort();
		const void *literal = regex_literal(r, &literal_len);
		if (fits && literal_len > 0 && !memmem(nul + 1, n, literal, literal_len))
			abort();
	}
	regex_free(r);
	return 0;
}
