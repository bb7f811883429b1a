/* Quoted names, as mktree and --stdin-paths read them. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf name = BUF_INIT, text = BUF_INIT, back = BUF_INIT;
	struct err err = ERR_INIT;

	/* Any name survives quoting; whatever is read as a name does too. */
	if (quote_read(data, size, &name, &err) == 0) {
		quote_put(&text, name.data, name.len);
		if (quote_read(text.data, text.len, &back, &err) < 0 || buf_cmp(&name, &back) != 0)
			abort();
	}
	buf_reset(&text);
	quote_put(&text, data, size);
	if (quote_read(text.data, text.len, &back, &err) < 0 || back.len != size ||
	    (size && memcmp(back.data, data, size) != 0))
		abort();
	buf_release(&name);
	buf_release(&text);
	buf_release(&back);
	return 0;
}
