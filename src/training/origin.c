/* The origin of a message in a mailbox; see origin.h. */
#include "training/origin.h"

#include "authres/authres.h"
#include "message/address.h"
#include "message/header.h"

static struct slice author_of(const struct authres_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		if (slice_equal(result->properties[i].type, SLICE("header")) && slice_equal(result->properties[i].name, SLICE("from")))
			return result->properties[i].value;
	return SLICE("");
}

static struct slice passed(struct slice body, struct arena *arena)
{
	struct slice by;
	struct authres_result *results;
	size_t count;
	if (!authres_read(body, arena, &by, &results, &count))
		return SLICE("");
	for (size_t i = 0; i < count; i++)
		if (slice_equal(results[i].method, SLICE("dmarc")) && slice_equal(results[i].result, SLICE("pass")))
			return author_of(&results[i]);
	return SLICE("");
}

struct slice training_origin(struct slice header, struct arena *arena)
{
	struct header_field field;
	while (header_next(&header, &field) && !slice_equal_nocase(field.name, SLICE("Received")))
		if (slice_equal_nocase(field.name, SLICE("Authentication-Results"))) {
			struct slice domain = domain_to_ascii(passed(field.body, arena), arena);
			return domain.len <= ADDRESS_DOMAIN_MAX ? domain : SLICE("");
		}
	return SLICE("");
}
