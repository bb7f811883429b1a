/* Recovery words: any text is refused with a sentence, or gives words that give the same again. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/bip39.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret entropy = SECRET_INIT, words = SECRET_INIT, again = SECRET_INIT;
	struct err err = ERR_INIT;

	if (crypto_start(&err) < 0)
		abort();
	if (bip39_parse(data, size, &entropy, &err) == 0) {
		bip39_encode(entropy.data, &words);
		if (bip39_parse(words.data, words.size, &again, &err) < 0 ||
		    memcmp(entropy.data, again.data, BIP39_ENTROPY_SIZE) != 0)
			abort();
	} else if (!err.msg[0]) {
		abort();
	}
	secret_release(&entropy);
	secret_release(&words);
	secret_release(&again);
	return 0;
}
