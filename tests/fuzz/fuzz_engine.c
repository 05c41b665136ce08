/* SPDX-License-Identifier: Apache-2.0 */
/* The engine with the fuzzer as its peers, its kernel and its clock. */
#include "sim/drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drive *d = drive_new();
	size_t at = 0;

	while (at < size)
		at += drive_step(d, data + at, size - at);
	drive_free(d);
	return 0;
}
