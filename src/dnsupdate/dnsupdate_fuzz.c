/* What a name server answers to a question or a change, with or without a signature. */
#include <stdlib.h>

#include "dnsupdate/internal.h"

static void check_record(const struct dns_update_record *record, struct arena *arena)
{
	struct lookup_record value;
	if (record->name.len > LOOKUP_NAME_MAX || record->data.len > UINT16_MAX)
		abort();
	for (int type = 0; type < LOOKUP_TYPES; type++) {
		struct buf again = BUF(UINT16_MAX);
		if (dns_update_decode((enum lookup_type)type, record, arena, &value) && value.data.len > record->data.len)
			abort();
		if (record->type == dns_update_type_of((enum lookup_type)type))
			dns_update_encode((enum lookup_type)type, &value, &again);
		buf_free(&again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_update_server server = {.place = SLICE("192.0.2.53"), .key = SLICE("key.example"), .secret = SLICE("a key of some bytes")};
	struct dns_update_mac mac = {.len = 32};
	struct slice message = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct dns_update_reading reading;
	struct error error;
	if (dns_update_read(message, arena, &reading)) {
		for (size_t i = 0; i < reading.answer_count; i++)
			check_record(&reading.answers[i], arena);
		for (size_t i = 0; i < reading.authority_count; i++)
			check_record(&reading.authority[i], arena);
		if (dns_update_verify(&server, message, &reading, &mac, 1700000000, &error))
			abort(); /* nobody knows this key */
	}
	arena_free(&arena);
	return 0;
}
