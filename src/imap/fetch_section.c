/* Where the bytes of a section lie (RFC 3501 §6.4.5). */
#include "imap/fetch.h"


bool imap_section_needs_structure(const struct imap_section *section)
{
	return section->number_count > 0 || section->text != SECTION_ALL;
}

static bool is_message(const struct mime_part *part)
{
	return part->child_count == 1 && slice_equal(part->type, SLICE("message"));
}

static void set_range(uint64_t at, uint64_t length, uint64_t size, uint64_t *offset, uint64_t *found)
{
	*offset = at < size ? at : size;
	*found = length < size - *offset ? length : size - *offset;
}

bool imap_section_find(const struct imap_section *section, const struct mime_part *root, uint64_t size, uint64_t *offset, uint64_t *length)
{
	if (!imap_section_needs_structure(section)) {
		set_range(0, size, size, offset, length);
		return true;
	}
	bool whole = section->number_count == 0;
	const struct mime_part *part = whole ? root : mime_find(root, section->numbers, section->number_count);
	if (!part)
		return false;
	bool of_message = section->text != SECTION_ALL && section->text != SECTION_MIME;
	if (of_message && !whole) {
		if (!is_message(part))
			return false;
		part = &part->children[0];
	}
	if (section->text == SECTION_ALL || section->text == SECTION_TEXT)
		set_range(part->body_at, whole ? size : part->body_size, size, offset, length);
	else
		set_range(part->header_at, part->header_size, size, offset, length);
	return true;
}
