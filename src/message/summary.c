/* Summaries: the tree in pre-order, numbers as base-128 varints, strings with their length before them, the frequent words of
 * MIME as one byte. Decoding trusts nothing: a length beyond the end, a count that can't fit, an unknown word, a part
 * outside of its parent or bytes left over make it damaged. Numbers of the tables below are stored: only append to them. When
 * what is said of the same message changes, SUMMARY_VERSION goes up, and what earlier ones made is made anew when it is read;
 * so does SUMMARY_OLDEST when the form changes so that those can't be read any more.
 *
 * 1: the first. 2: where a header ends that isn't ended, boundaries that end in blanks, Content-Language as a list of tags, Content-Location
 * without comments and quotes, a last line without an end counts as no line. 3: References, whether the header has to be asked, preview. */
#include "message/summary.h"

enum {
	SUMMARY_VERSION = 3,
	SUMMARY_OLDEST = 1,
	VARINT_BYTES_MAX = 10,
	CUT_ADDRESSES_MAX = 50, /* of each list, where the whole summary would be too large */
	CUT_TEXT_MAX = 1000,
};

/* ---- Words ---- */

/* Index 0 stands for "not in the table, spelled out". */
static const char *const words[] = {
	"", "text", "plain", "html", "multipart", "mixed", "alternative", "related", "signed", "report", "application", "octet-stream",
	"pdf", "pgp-signature", "pkcs7-signature", "zip", "image", "jpeg", "png", "gif", "audio", "video", "message", "rfc822",
	"delivery-status", "calendar", "7bit", "8bit", "binary", "quoted-printable", "base64", "attachment", "inline", "charset",
	"boundary", "name", "filename", "format", "flowed", "delsp", "type", "micalg", "protocol", "report-type", "size", "utf-8", "us-ascii",
	"iso-8859-1", "windows-1252", "yes", "no", "csv", "x-unknown", "creation-date", "modification-date", "method", "us-ASCII", "UTF-8",
	"text/html", "text/plain", "multipart/alternative",
};
enum { WORD_COUNT = sizeof words / sizeof *words };

static size_t word_index(struct slice s)
{
	for (size_t i = 1; i < WORD_COUNT; i++)
		if (slice_equal(s, slice_of(words[i])))
			return i;
	return 0;
}

/* ---- Encoding ---- */

/* How much of a message is written down. */
struct detail {
	bool whole;
	size_t addresses, text;
};

static void put_number(struct buf *out, uint64_t n)
{
	while (n >= 0x80) {
		buf_append_char(out, (char)(n | 0x80));
		n >>= 7;
	}
	buf_append_char(out, (char)n);
}

static void put_text(struct buf *out, struct slice s)
{
	put_number(out, s.len);
	buf_append(out, s);
}

static void put_word(struct buf *out, struct slice s)
{
	size_t index = word_index(s);
	put_number(out, index);
	if (index == 0)
		put_text(out, s);
}

static void put_parameters(struct buf *out, const struct parameter *list, size_t count)
{
	put_number(out, count);
	for (size_t i = 0; i < count; i++) {
		put_word(out, list[i].name);
		put_word(out, list[i].value);
	}
}

/* How a mailbox with a source route is stored: the route, then what any mailbox has. Behind the kinds of struct address. */
enum { STORED_ROUTED = ADDRESS_GROUP_END + 1 };

/* Which addresses are written: a cut list keeps no group that has lost its end. */
static size_t cut_list(const struct address *list, size_t count, size_t max)
{
	size_t outside = 0;
	bool in_group = false;
	for (size_t i = 0; i < count && i < max; i++) {
		in_group = list[i].kind == ADDRESS_GROUP_START || (in_group && list[i].kind != ADDRESS_GROUP_END);
		if (!in_group)
			outside = i + 1;
	}
	return count <= max ? count : outside;
}

static void put_addresses(struct buf *out, const struct address *list, size_t count, const struct detail *detail)
{
	count = cut_list(list, count, detail->addresses);
	put_number(out, count);
	for (size_t i = 0; i < count; i++) {
		bool routed = list[i].kind == ADDRESS_MAILBOX && list[i].route.len > 0;
		put_number(out, routed ? STORED_ROUTED : list[i].kind);
		if (routed)
			put_text(out, slice_sub(list[i].route, 0, detail->text));
		if (list[i].kind == ADDRESS_GROUP_END)
			continue;
		put_text(out, slice_sub(list[i].local, 0, detail->text));
		if (list[i].kind != ADDRESS_MAILBOX)
			continue;
		put_text(out, slice_sub(list[i].domain, 0, detail->text));
		put_text(out, slice_sub(list[i].name, 0, detail->text));
	}
}

/* The parts of an envelope, in the order in which they are stored and have their bits; then what came with version 3. */
enum { ENVELOPE_TEXTS = 4, ENVELOPE_LISTS = 6 };
enum { HAS_REFERENCES = 1 << 10, IS_IRREGULAR = 1 << 11, HAS_PREVIEW = 1 << 12 };

struct envelope_fields {
	struct slice *texts[ENVELOPE_TEXTS];
	struct address **lists[ENVELOPE_LISTS];
	size_t *counts[ENVELOPE_LISTS];
};

static struct envelope_fields fields_of(struct envelope *e)
{
	return (struct envelope_fields){
		{&e->date, &e->subject, &e->in_reply_to, &e->message_id},
		{&e->from, &e->sender, &e->reply_to, &e->to, &e->cc, &e->bcc},
		{&e->from_count, &e->sender_count, &e->reply_to_count, &e->to_count, &e->cc_count, &e->bcc_count},
	};
}

static void put_envelope(struct buf *out, struct envelope *envelope, const struct detail *detail)
{
	struct envelope_fields fields = fields_of(envelope);
	uint64_t present = 0;
	for (unsigned i = 0; i < ENVELOPE_TEXTS; i++)
		present |= (uint64_t)(fields.texts[i]->at != NULL) << i;
	for (unsigned i = 0; i < ENVELOPE_LISTS; i++)
		present |= (uint64_t)(*fields.counts[i] > 0) << (ENVELOPE_TEXTS + i);
	present |= envelope->references.at ? HAS_REFERENCES : 0;
	present |= envelope->irregular || !detail->whole ? IS_IRREGULAR : 0;
	present |= envelope->preview.len > 0 ? HAS_PREVIEW : 0;
	put_number(out, present);
	for (unsigned i = 0; i < ENVELOPE_TEXTS; i++)
		if (present >> i & 1)
			put_text(out, slice_sub(*fields.texts[i], 0, detail->text));
	for (unsigned i = 0; i < ENVELOPE_LISTS; i++)
		if (present >> (ENVELOPE_TEXTS + i) & 1)
			put_addresses(out, *fields.lists[i], *fields.counts[i], detail);
	if (present & HAS_REFERENCES)
		put_text(out, slice_sub(envelope->references, 0, detail->text));
	if (present & HAS_PREVIEW)
		put_text(out, envelope->preview);
}

/* A part's optional members, each with a bit. */
enum { PART_TEXTS = 5 };
enum part_bits {
	HAS_PARAMETERS = 1 << PART_TEXTS,
	HAS_DISPOSITION = 1 << 6,
	HAS_DISPOSITION_PARAMETERS = 1 << 7,
	HAS_ENVELOPE = 1 << 8,
	HAS_CHILDREN = 1 << 9,
};

static void texts_of(struct mime_part *part, struct slice *texts[PART_TEXTS])
{
	texts[0] = &part->id;
	texts[1] = &part->description;
	texts[2] = &part->language;
	texts[3] = &part->location;
	texts[4] = &part->md5;
}

static unsigned bits_of(struct mime_part *part, const struct detail *detail)
{
	struct slice *texts[PART_TEXTS];
	unsigned bits = 0;
	texts_of(part, texts);
	for (unsigned i = 0; i < PART_TEXTS; i++)
		bits |= (unsigned)(texts[i]->at != NULL) << i;
	bits |= detail->whole && part->parameter_count > 0 ? HAS_PARAMETERS : 0;
	bits |= part->disposition.len > 0 ? HAS_DISPOSITION : 0;
	bits |= detail->whole && part->disposition_parameter_count > 0 ? HAS_DISPOSITION_PARAMETERS : 0;
	bits |= part->envelope ? HAS_ENVELOPE : 0;
	bits |= detail->whole && part->child_count > 0 ? HAS_CHILDREN : 0;
	return bits;
}

/* `end` is where the part before this one, or the parent's header, ended: offsets are stored as the small distance from it. */
static void put_part(struct buf *out, struct mime_part *part, uint64_t end, const struct detail *detail)
{
	struct slice *texts[PART_TEXTS];
	unsigned bits = bits_of(part, detail);
	put_number(out, bits);
	put_word(out, part->type);
	put_word(out, part->subtype);
	put_word(out, part->encoding);
	put_number(out, part->header_at - end);
	put_number(out, part->header_size);
	put_number(out, part->body_size);
	put_number(out, part->body_lines);
	texts_of(part, texts);
	for (unsigned i = 0; i < PART_TEXTS; i++)
		if (bits >> i & 1)
			put_text(out, slice_sub(*texts[i], 0, detail->text));
	if (bits & HAS_PARAMETERS)
		put_parameters(out, part->parameters, part->parameter_count);
	if (bits & HAS_DISPOSITION)
		put_word(out, part->disposition);
	if (bits & HAS_DISPOSITION_PARAMETERS)
		put_parameters(out, part->disposition_parameters, part->disposition_parameter_count);
	if (bits & HAS_ENVELOPE)
		put_envelope(out, part->envelope, detail);
	if (!(bits & HAS_CHILDREN))
		return;
	put_number(out, part->child_count);
	end = part->body_at;
	for (size_t i = 0; i < part->child_count; i++) {
		put_part(out, &part->children[i], end, detail);
		end = part->children[i].body_at + part->children[i].body_size;
	}
}

static struct slice encode(const struct mime_part *root, const struct detail *detail, struct arena *arena)
{
	struct mime_part copy = *root;
	struct buf out = BUF(SUMMARY_MAX);
	if (!detail->whole && copy.child_count > 0) {
		copy.type = SLICE("application");
		copy.subtype = SLICE("octet-stream");
	}
	put_number(&out, SUMMARY_VERSION);
	put_part(&out, &copy, 0, detail);
	struct slice result = out.overflow ? slice_make(NULL, 0) : arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return result;
}

struct slice summary_encode(const struct mime_part *root, struct arena *arena)
{
	static const struct detail whole = {true, SIZE_MAX, SIZE_MAX}, cut = {false, CUT_ADDRESSES_MAX, CUT_TEXT_MAX}, least = {false, 0, CUT_TEXT_MAX};
	struct slice summary = encode(root, &whole, arena);
	if (summary.len == 0)
		summary = encode(root, &cut, arena);
	if (summary.len == 0)
		summary = encode(root, &least, arena);
	return summary;
}

/* ---- Decoding ---- */

/* What is left to read; `damaged` once something was wrong, and everything read from then on is empty. */
struct source {
	struct slice rest;
	bool damaged;
	size_t parts, depth;
	struct arena *arena;
};

static uint64_t get_number(struct source *source)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < VARINT_BYTES_MAX && i < source->rest.len; i++) {
		unsigned char byte = (unsigned char)source->rest.at[i];
		n |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			source->rest = slice_skip(source->rest, i + 1);
			return n;
		}
	}
	source->damaged = true;
	source->rest.len = 0;
	return 0;
}

/* A number that may not pass `max`. */
static uint64_t get_number_to(struct source *source, uint64_t max)
{
	uint64_t n = get_number(source);
	if (n <= max)
		return n;
	source->damaged = true;
	return 0;
}

/* How many things follow: each takes a byte at least. */
static size_t get_count(struct source *source)
{
	return (size_t)get_number_to(source, source->rest.len);
}

static struct slice get_text(struct source *source)
{
	size_t len = get_count(source);
	struct slice text = slice_sub(source->rest, 0, len);
	source->damaged |= text.len < len;
	source->rest = slice_skip(source->rest, len);
	return text;
}

static struct slice get_word(struct source *source)
{
	size_t index = (size_t)get_number_to(source, WORD_COUNT - 1);
	return index == 0 ? get_text(source) : slice_of(words[index]);
}

static void get_parameters(struct source *source, struct parameter **list, size_t *count)
{
	*count = get_count(source);
	*list = arena_array(source->arena, *count, sizeof **list);
	for (size_t i = 0; i < *count && !source->damaged; i++) {
		(*list)[i].name = get_word(source);
		(*list)[i].value = get_word(source);
	}
}

static void get_addresses(struct source *source, struct address **list, size_t *count)
{
	*count = get_count(source);
	*list = arena_array(source->arena, *count, sizeof **list);
	for (size_t i = 0; i < *count && !source->damaged; i++) {
		struct address *address = &(*list)[i];
		uint64_t kind = get_number_to(source, STORED_ROUTED);
		if (kind == STORED_ROUTED)
			address->route = get_text(source);
		address->kind = kind == STORED_ROUTED ? ADDRESS_MAILBOX : kind;
		if (address->kind != ADDRESS_GROUP_END)
			address->local = get_text(source);
		if (address->kind == ADDRESS_MAILBOX) {
			address->domain = get_text(source);
			address->name = get_text(source);
		}
	}
}

static struct envelope *get_envelope(struct source *source)
{
	struct envelope *envelope = arena_alloc(source->arena, sizeof *envelope);
	struct envelope_fields fields = fields_of(envelope);
	uint64_t present = get_number_to(source, 2 * HAS_PREVIEW - 1);
	for (unsigned i = 0; i < ENVELOPE_TEXTS; i++)
		if (present >> i & 1)
			*fields.texts[i] = get_text(source);
	for (unsigned i = 0; i < ENVELOPE_LISTS; i++)
		if (present >> (ENVELOPE_TEXTS + i) & 1)
			get_addresses(source, fields.lists[i], fields.counts[i]);
	if (present & HAS_REFERENCES)
		envelope->references = get_text(source);
	if (present & HAS_PREVIEW)
		envelope->preview = get_text(source);
	envelope->irregular = present & IS_IRREGULAR;
	return envelope;
}

static void get_offsets(struct source *source, struct mime_part *part, uint64_t end, uint64_t limit)
{
	part->header_at = end + get_number_to(source, limit - end);
	part->header_size = get_number_to(source, limit - part->header_at);
	part->body_at = part->header_at + part->header_size;
	part->body_size = get_number_to(source, limit - part->body_at);
	part->body_lines = (uint32_t)get_number_to(source, UINT32_MAX);
}

static void get_part(struct source *source, struct mime_part *part, uint64_t end, uint64_t limit);

static void get_children(struct source *source, struct mime_part *part)
{
	part->child_count = get_count(source);
	if (part->child_count == 0 || source->parts + part->child_count > MIME_PARTS_MAX || source->depth >= MIME_DEPTH_MAX) {
		source->damaged = true;
		return;
	}
	part->children = arena_array(source->arena, part->child_count, sizeof *part->children);
	/* The line end before a delimiter isn't the body's, but the header of an empty part in it may end with it. */
	uint64_t end = part->body_at, limit = part->body_at + part->body_size + 2;
	for (size_t i = 0; i < part->child_count && !source->damaged; i++) {
		get_part(source, &part->children[i], end, limit);
		end = part->children[i].body_at + part->children[i].body_size;
	}
}

static void get_part(struct source *source, struct mime_part *part, uint64_t end, uint64_t limit)
{
	struct slice *texts[PART_TEXTS];
	source->parts++;
	source->depth++;
	unsigned bits = (unsigned)get_number_to(source, 2 * HAS_CHILDREN - 1);
	part->type = get_word(source);
	part->subtype = get_word(source);
	part->encoding = get_word(source);
	get_offsets(source, part, end, limit);
	texts_of(part, texts);
	for (unsigned i = 0; i < PART_TEXTS; i++)
		if (bits >> i & 1)
			*texts[i] = get_text(source);
	if (bits & HAS_PARAMETERS)
		get_parameters(source, &part->parameters, &part->parameter_count);
	if (bits & HAS_DISPOSITION)
		part->disposition = get_word(source);
	if (bits & HAS_DISPOSITION_PARAMETERS)
		get_parameters(source, &part->disposition_parameters, &part->disposition_parameter_count);
	if (bits & HAS_ENVELOPE)
		part->envelope = get_envelope(source);
	if (bits & HAS_CHILDREN)
		get_children(source, part);
	source->depth--;
}

struct mime_part *summary_decode(struct slice summary, struct arena *arena)
{
	struct source source = {.rest = summary, .arena = arena};
	struct mime_part *root = arena_alloc(arena, sizeof *root);
	uint64_t version = get_number(&source);
	if (version < SUMMARY_OLDEST || version > SUMMARY_VERSION)
		return NULL;
	get_part(&source, root, 0, INT64_MAX);
	return source.damaged || source.rest.len > 0 || !root->envelope ? NULL : root;
}

bool summary_is_current(struct slice summary)
{
	struct source source = {.rest = summary};
	return get_number(&source) == SUMMARY_VERSION;
}
