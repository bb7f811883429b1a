#ifndef T_UNIT_RECORD_KEYS_H
#define T_UNIT_RECORD_KEYS_H

/*
 * pack_keys(), with a device and the owner's signing key: the same in every run.  For the vectors
 * of records and their fuzz targets.  The device is "laptop", its seed a run of 0x88.
 */

#include <stdio.h>

#include "t/unit/pack-keys.h"

static inline struct keys *record_keys(void)
{
	struct keys *k = pack_keys(0x01, 7, 0x11);
	struct secret seed = SECRET_INIT;
	unsigned char pub[PUBKEY_SIZE];

	secret_init(&seed, KEY_SIZE);
	memset(seed.data, 0x66, KEY_SIZE);
	sign_pair(&seed, pub, &k->owner_key);
	memset(seed.data, 0x88, KEY_SIZE);
	sign_pair(&seed, k->device.pub, &k->device.sign_key);
	secret_swap(&k->device.seed, &seed);
	snprintf(k->device.name, sizeof(k->device.name), "laptop");
	k->has_device = true;
	secret_release(&seed);
	return k;
}

#endif
