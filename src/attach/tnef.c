/* Looking into TNEF ([MS-OXTNEF]), in which Outlook packs attachments as "winmail.dat": attributes one after the other, each with its length. A file's
 * name and its bytes are attributes of their own, behind one that begins it. */
#include "attach/internal.h"

enum {
	HEADER = 6,          /* signature and key */
	HEAD = 9, TAIL = 2,  /* of an attribute: level, id, length; checksum */
	ID = 1, LENGTH = 5,
	BEGINS = 0x69002, TITLE = 0x18010, DATA = 0x6800f,
};

static uint32_t number32(struct slice s, size_t at)
{
	uint32_t number = 0;
	for (size_t i = 4; i > 0 && at + 4 <= s.len; i--)
		number = number << 8 | (unsigned char)s.at[at + i - 1];
	return number;
}

struct packed_file {
	bool begun;
	struct slice name, data;
};

/* What was gathered of a file, which ends here. False: there are too many. */
static bool take_file(struct attach_walk *walk, size_t outer, struct packed_file *packed)
{
	struct packed_file whole = *packed;
	*packed = (struct packed_file){0};
	if (!whole.begun)
		return true;
	size_t file = attach_add(walk, whole.name, outer, walk->report->files[outer].part);
	if (file == ATTACH_NONE)
		return false;
	walk->report->files[file].size = whole.data.len;
	attach_look(walk, file, whole.data, true);
	return true;
}

static void take_attribute(struct packed_file *packed, uint32_t id, struct slice value)
{
	while (id == TITLE && value.len > 0 && value.at[value.len - 1] == '\0')
		value.len--;
	if (id == TITLE)
		packed->name = value;
	else if (id == DATA)
		packed->data = value;
	packed->begun = true;
}

void attach_unpack_tnef(struct attach_walk *walk, size_t file, struct slice content)
{
	struct packed_file packed = {0};
	struct slice rest = slice_skip(content, HEADER);
	bool whole = true;
	if (walk->report->files[file].depth >= walk->limits->depth) {
		attach_note_reason(walk, file, ATTACH_BOMB, "packed too deep");
		return;
	}
	while (whole && rest.len >= HEAD && attach_may_go_on(walk, file)) {
		uint32_t id = number32(rest, ID), length = number32(rest, LENGTH);
		struct slice value = slice_sub(rest, HEAD, length);
		whole = value.len == length && (id != BEGINS || take_file(walk, file, &packed));
		if (id == BEGINS || id == TITLE || id == DATA)
			take_attribute(&packed, id, value);
		rest = slice_skip(rest, (size_t)HEAD + length + TAIL);
	}
	if ((!whole || rest.len > 0) && !walk->stopped)
		attach_note_reason(walk, file, ATTACH_UNSCANNABLE, "damaged");
	if (!walk->stopped)
		take_file(walk, file, &packed);
}
