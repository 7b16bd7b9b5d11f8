/* Where reports go: the URIs of an rua tag. They are a stranger's: what comes out is an address that may be written to a server, or nothing. */
#include "message/address.h"
#include "report/report.h"

enum { UNITS = 4 };

/* What may be left out at its end: "!10m". */
static void cut_size(struct slice *uri, uint64_t *most)
{
	static const char units[UNITS + 1] = "kmgt";
	size_t mark = slice_find_last_char(*uri, '!');
	struct slice size = mark == SLICE_NONE ? slice_of(NULL) : slice_skip(*uri, mark + 1);
	const char *unit = size.len > 0 ? strchr(units, ascii_lower(size.at[size.len - 1])) : NULL;
	unsigned shift = unit && *unit ? 10 * (unsigned)(unit - units + 1) : 0;
	size.len -= shift > 0;
	if (mark == SLICE_NONE || !slice_to_number(size, UINT64_MAX >> (10 * UNITS), most))
		return;
	*most <<= shift;
	uri->len = mark;
}

/* RFC 3986 §2.1. A '%' without two digits stays; it is no part of an address then. */
static struct slice decode(struct slice text, struct arena *arena)
{
	struct slice copy = arena_copy(arena, text);
	char *out = (char *)(uintptr_t)copy.at;
	size_t length = 0;
	for (size_t i = 0; i < text.len; i++) {
		int high = text.at[i] == '%' && i + 2 < text.len ? ascii_hex_value(text.at[i + 1]) : -1, low = high < 0 ? -1 : ascii_hex_value(text.at[i + 2]);
		out[length++] = low < 0 ? text.at[i] : (char)(high << 4 | low);
		i += low < 0 ? 0 : 2;
	}
	copy.len = length;
	return copy;
}

static bool read_uri(struct slice uri, struct arena *arena, struct report_destination *destination)
{
	static const char scheme[] = "mailto:";
	struct slice path, query, local, domain;
	struct error error;
	*destination = (struct report_destination){0};
	uri = slice_trim(uri);
	if (uri.len > REPORT_URI_MAX || !slice_starts_nocase(uri, slice_of(scheme)))
		return false;
	cut_size(&uri, &destination->most);
	slice_cut(slice_skip(uri, strlen(scheme)), '?', &path, &query);
	if (!address_parse(decode(path, arena), false, arena, &destination->address, &error))
		return false;
	address_split(destination->address, &local, &domain);
	destination->host = domain_is_literal(domain) ? slice_of(NULL) : domain_to_ascii(domain, arena);
	return destination->host.len > 0;
}

static bool is_there(const struct report_destination *list, size_t count, struct slice address)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(list[i].address, address))
			return true;
	return false;
}

size_t report_destinations(struct slice rua, struct arena *arena, struct report_destination list[REPORT_DESTINATIONS_MAX])
{
	size_t count = 0;
	struct slice uri;
	while (rua.len > 0 && count < REPORT_DESTINATIONS_MAX) {
		slice_cut(rua, ',', &uri, &rua);
		if (read_uri(uri, arena, &list[count]) && !is_there(list, count, list[count].address))
			count++;
	}
	return count;
}
