/* What the DNS says of a domain is anybody's: compared with each record that a domain has. The first byte says how long the answer's texts are. */
#include <stdlib.h>
#include <string.h>

#include "zone/zone.h"

enum { ANSWERS_MAX = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct zone_key key = {SLICE("s"), SLICE("v=DKIM1; p=AAAA")};
	struct zone_service service = {.label = SLICE("_imaps"), .port = 993};
	struct zone_plan plan = {SLICE("example.test"), SLICE("mail.example.test"), &key, 1, &service, 1, SLICE("ca.example"), 443, SLICE("v=UAAC1; a=sha256; d=AAAA"),
		{NULL, 0, NULL, 0}};
	struct lookup_record there[ANSWERS_MAX] = {0};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = there};
	struct slice rest = slice_make((const char *)data, size);
	struct zone_record *records;
	size_t count, step = size > 0 ? 1 + data[0] : 1;
	for (; rest.len > 0 && answer.count < ANSWERS_MAX; rest = slice_skip(rest, step))
		there[answer.count++].data = slice_sub(rest, 0, step);
	zone_make(&plan, arena, &records, &count);
	for (size_t i = 0; i < count; i++) {
		struct zone_finding finding = zone_compare(&records[i], &answer, arena);
		for (size_t k = 0; k < finding.there.len; k++)
			if (finding.there.len > ZONE_THERE_MAX || finding.there.at[k] < ' ' || finding.there.at[k] > '~')
				abort();
	}
	arena_free(&arena);
	return 0;
}
