/* Fuzzing of paths, canonical forms and address lists: whatever passes is harmless and stays what it is. */
#include "message/address.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_path(struct slice input, bool utf8, struct arena *arena)
{
	struct slice address, again, rest = input;
	struct error error;
	if (!address_parse_path(&rest, utf8, arena, &address, &error))
		return;
	must(rest.len < input.len && address.len <= ADDRESS_MAX - 2);
	if (address.len == 0)
		return;
	for (size_t i = 0; i < address.len; i++)
		must((unsigned char)address.at[i] >= ' ' && address.at[i] != 0x7f && (utf8 || (unsigned char)address.at[i] < 0x80));
	must(address_parse(address, utf8, arena, &again, &error) && slice_equal(address, again));
	struct slice canonical = address_canonical(address, arena);
	must(slice_equal(canonical, address_canonical(canonical, arena)));
}

static void check_list(struct slice input, size_t max, struct arena *arena)
{
	struct address *list;
	size_t count, open = 0, text = 0;
	address_parse_list(input, max, arena, &list, &count);
	must(count <= max);
	for (size_t i = 0; i < count; i++) {
		open += list[i].kind == ADDRESS_GROUP_START;
		open -= list[i].kind == ADDRESS_GROUP_END;
		must(open <= 1);
		text += list[i].name.len + list[i].local.len + list[i].domain.len;
	}
	must(open == 0 && text <= input.len);
}

/* What is read by the letter is written so that it is read the same. */
static void check_authors(struct slice input, struct arena *arena)
{
	struct address *list, *again;
	size_t count, count_again;
	bool plain;
	if (!address_parse_authors(input, 20, arena, &list, &count, &plain))
		return;
	struct slice written = address_write_list(list, count, 6, arena);
	must(slice_is_ascii(written) || !slice_is_ascii(input));
	must(address_parse_authors(written, 20, arena, &again, &count_again, &plain) && plain && count == count_again);
	for (size_t i = 0; i < count; i++)
		must(slice_equal(list[i].local, again[i].local) && slice_equal(list[i].domain, again[i].domain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice input = slice_make((const char *)data, size);
	check_path(input, false, arena);
	check_path(input, true, arena);
	check_list(input, 1000, arena);
	check_list(input, 3, arena);
	check_authors(input, arena);
	struct slice canonical = domain_canonical(input, arena), ascii = domain_to_ascii(input, arena);
	must(slice_equal(canonical, domain_canonical(canonical, arena)));
	must(slice_is_ascii(ascii) && (ascii.len == 0 || domain_is_valid(ascii, false)));
	domain_is_literal(input);
	arena_free(&arena);
	return 0;
}
