/* Fuzzing of the reader of rua tags: what comes out may stand in a command to another server and in a header field. */
#include "message/address.h"
#include "report/report.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check(const struct report_destination *destination, struct arena *arena)
{
	struct slice again;
	struct error error;
	must(destination->host.len > 0 && destination->host.len <= ADDRESS_DOMAIN_MAX && slice_is_ascii(destination->address));
	must(address_parse(destination->address, false, arena, &again, &error) && slice_equal(again, destination->address));
	for (size_t i = 0; i < destination->address.len; i++)
		must(destination->address.at[i] >= ' ' && destination->address.at[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct report_destination list[REPORT_DESTINATIONS_MAX];
	size_t count = report_destinations(slice_make((const char *)data, size), arena, list);
	must(count <= REPORT_DESTINATIONS_MAX);
	for (size_t i = 0; i < count; i++)
		check(&list[i], arena);
	arena_free(&arena);
	return 0;
}
