/* Fuzzing of the question that Outlook asks: whatever is posted is read within its bounds, and an address that passes is one. */
#include <stdlib.h>

#include "autoconfig/autoconfig.h"
#include "message/address.h"

static void must(bool held)
{
	if (!held)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct autoconfig_request request;
	struct slice again;
	struct error error = {0};
	if (autoconfig_read_request(slice_make((const char *)data, size), arena, &request, &error)) {
		must(size <= AUTOCONFIG_REQUEST_MAX && request.address.len > 0 && request.address.len <= ADDRESS_MAX && slice_is_utf8(request.address));
		must(address_parse(request.address, true, arena, &again, &error) && slice_equal(again, request.address));
		must(request.schema <= AUTOCONFIG_SCHEMA_OTHER);
	} else {
		must(error.text[0] != '\0');
	}
	struct buf answer = BUF(AUTOCONFIG_DOCUMENT_MAX);
	bool known;
	must(autoconfig_write_outlook_json(slice_make((const char *)data, size), SLICE("mail.example.test"), &answer, &known) && slice_is_utf8(buf_slice(&answer)));
	buf_free(&answer);
	arena_free(&arena);
	return 0;
}
