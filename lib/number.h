#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

/*
 * Numbers as people write and read them: counts, sizes with K, M, G, T (1024), "1.2 GiB".
 */

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits and nothing else; false when it is not that, or does not fit. */
bool number_parse(const char *s, uint64_t *out);
/* The same with an optional K, M, G or T (either case) at the end. */
bool number_parse_size(const char *s, uint64_t *out);

struct number_text { char s[24]; };
/* "512 B", "1.2 GiB": for people only. */
struct number_text number_human(uint64_t size);

#endif
