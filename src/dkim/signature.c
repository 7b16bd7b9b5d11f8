/* Reading signature fields, by a table of tags. Unknown tags mean nothing (RFC 6376 §3.2). */
#include "dkim/signature.h"

#include "message/address.h"

enum { NUMBER_DIGITS_MAX = 12 /* of times (RFC 6376 §3.5) */, LENGTH_DIGITS_MAX = 18, NAME_OF_KEY_MAX = 253 };

/* ---- values ---- */

static bool is_blank_free(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (ascii_is_space(value.at[i]))
			return false;
	return value.len > 0;
}

static enum dkim_reason read_version(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)signature, (void)arena;
	return slice_equal(value, SLICE("1")) ? DKIM_VALID : DKIM_VERSION;
}

static enum dkim_reason read_algorithm(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	signature->algorithm_text = value;
	for (enum dkim_algorithm each = DKIM_RSA_SHA256; each <= DKIM_ED25519_SHA256; each++) {
		signature->algorithm = each;
		if (slice_equal(value, slice_of(dkim_algorithm_name(each))))
			return DKIM_VALID;
	}
	return slice_equal(value, SLICE("rsa-sha1")) ? DKIM_ALGORITHM_OLD : DKIM_ALGORITHM_UNKNOWN;
}

static enum dkim_reason read_value(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	signature->value_text = value;
	signature->value = dkim_tags_base64(value, arena);
	return signature->value.len > 0 ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_body_hash(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	signature->body_hash = dkim_tags_base64(value, arena);
	return signature->body_hash.len == DKIM_DIGEST_SIZE ? DKIM_VALID : DKIM_TAG_WRONG;
}

static bool read_form(struct slice value, bool *simple)
{
	*simple = slice_equal(value, SLICE("simple"));
	return *simple || slice_equal(value, SLICE("relaxed"));
}

/* Without a slash the body's is simple. */
static enum dkim_reason read_canonicalization(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	struct slice header, body;
	bool both = slice_cut(value, '/', &header, &body);
	signature->simple_body = true;
	return read_form(header, &signature->simple_header) && (!both || read_form(body, &signature->simple_body)) ? DKIM_VALID : DKIM_TAG_WRONG;
}

/* As labels of ASCII (RFC 8616 §5 lets them be written as U-labels). Empty: it is no domain. */
static struct slice to_ascii(struct slice name, struct arena *arena)
{
	return is_blank_free(name) ? domain_to_ascii(name, arena) : (struct slice){0};
}

static enum dkim_reason read_domain(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	signature->domain = value;
	return to_ascii(value, arena).len > 0 && slice_find_char(value, '.') != SLICE_NONE ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_selector(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	signature->selector = value;
	return to_ascii(value, arena).len > 0 ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_names(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	struct slice word;
	signature->names = arena_array(arena, DKIM_NAMES_MAX, sizeof *signature->names);
	while (dkim_tags_word(&value, &word)) {
		if (signature->name_count == DKIM_NAMES_MAX)
			return DKIM_NAMES_MANY;
		if (word.len > 0 && !is_blank_free(word))
			return DKIM_TAG_WRONG;
		signature->names[signature->name_count++] = word;
	}
	return DKIM_VALID;
}

static enum dkim_reason read_identity(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	signature->identity = value;
	return slice_find_last_char(value, '@') != SLICE_NONE ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_instance(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	return slice_to_number(value, UINT32_MAX, &signature->instance) && signature->instance > 0 ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_length(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	signature->limited = true;
	return value.len <= LENGTH_DIGITS_MAX && slice_to_number(value, INT64_MAX, &signature->limit) ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_method(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)signature, (void)arena;
	return dkim_tags_has_word(value, SLICE("dns/txt")) || dkim_tags_has_word(value, SLICE("dns")) ? DKIM_VALID : DKIM_QUERY_UNKNOWN;
}

static enum dkim_reason read_time(struct slice value, int64_t *time)
{
	uint64_t number = 0;
	bool sound = value.len <= NUMBER_DIGITS_MAX && slice_to_number(value, INT64_MAX, &number);
	*time = sound ? (int64_t)number : -1;
	return sound ? DKIM_VALID : DKIM_TAG_WRONG;
}

static enum dkim_reason read_made(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	return read_time(value, &signature->made);
}

static enum dkim_reason read_expires(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	return read_time(value, &signature->expires);
}

static enum dkim_reason read_chain(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)arena;
	signature->chain = value;
	return DKIM_VALID;
}

/* A seal covers no fields of its own choice (RFC 8617 §4.1.3). */
static enum dkim_reason refuse(struct dkim_signature *signature, struct slice value, struct arena *arena)
{
	(void)signature, (void)value, (void)arena;
	return DKIM_TAG_WRONG;
}

/* ---- the table ---- */

enum { MESSAGE = DKIM_SIGNATURE | DKIM_ARC_MESSAGE_SIGNATURE, ARC = DKIM_ARC_MESSAGE_SIGNATURE | DKIM_ARC_SEAL, ALL = MESSAGE | ARC };

/* In the order in which a fault is to be named; the domain first, so that it is known whose signature is at fault. */
static const struct {
	const char *name;
	unsigned required, meant; /* in which kinds of field it must be, and in which it means something */
	enum dkim_reason (*read)(struct dkim_signature *, struct slice, struct arena *);
} tags_known[] = {
	{"d", ALL, ALL, read_domain},
	{"s", ALL, ALL, read_selector},
	{"v", DKIM_SIGNATURE, DKIM_SIGNATURE, read_version},
	{"a", ALL, ALL, read_algorithm},
	{"b", ALL, ALL, read_value},
	{"bh", MESSAGE, MESSAGE, read_body_hash},
	{"h", MESSAGE, MESSAGE, read_names},
	{"h", 0, DKIM_ARC_SEAL, refuse},
	{"c", 0, MESSAGE, read_canonicalization},
	{"i", 0, DKIM_SIGNATURE, read_identity},
	{"i", ARC, ARC, read_instance},
	{"cv", DKIM_ARC_SEAL, DKIM_ARC_SEAL, read_chain},
	{"l", 0, MESSAGE, read_length},
	{"q", 0, MESSAGE, read_method},
	{"t", 0, ALL, read_made},
	{"x", 0, MESSAGE, read_expires},
};

static enum dkim_reason read_tag(const struct dkim_tags *tags, size_t row, enum dkim_kind kind, struct arena *arena, struct dkim_signature *signature)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, slice_of(tags_known[row].name));
	if (!(tags_known[row].meant & kind))
		return DKIM_VALID;
	if (!tag)
		return tags_known[row].required & kind ? DKIM_TAG_MISSING : DKIM_VALID;
	return tags_known[row].read(signature, tag->value, arena);
}

static enum dkim_reason read_tags(const struct dkim_tags *tags, enum dkim_kind kind, struct arena *arena, struct dkim_signature *signature)
{
	enum dkim_reason first = DKIM_VALID;
	for (size_t row = 0; row < sizeof tags_known / sizeof *tags_known; row++) {
		enum dkim_reason reason = read_tag(tags, row, kind, arena, signature);
		if (reason == DKIM_VALID || first != DKIM_VALID)
			continue;
		first = reason;
		if (reason == DKIM_TAG_MISSING || reason == DKIM_TAG_WRONG)
			signature->wrong = tags_known[row].name;
	}
	return first;
}

enum dkim_reason dkim_signature_read(const struct header_field *field, enum dkim_kind kind, struct arena *arena, struct dkim_signature *signature)
{
	struct dkim_tags tags;
	/* Without c= all who seal mean "relaxed", as the tests of the authors of RFC 8617 do, though its text leaves it at DKIM's "simple". */
	bool simple = kind == DKIM_SIGNATURE;
	*signature = (struct dkim_signature){.made = -1, .expires = -1, .simple_header = simple, .simple_body = simple};
	if (field->whole.len > DKIM_FIELD_MAX)
		return DKIM_FIELD_LARGE;
	enum dkim_reason broken = dkim_tags_read(field->body, &tags);
	const struct dkim_tag *value = dkim_tags_find(&tags, SLICE("b"));
	if (value)
		signature->value_room = value->room;
	enum dkim_reason reason = read_tags(&tags, kind, arena, signature);
	if (broken == DKIM_VALID && reason == DKIM_VALID && dkim_signature_key_name(signature, arena).len > NAME_OF_KEY_MAX) {
		signature->wrong = "s";
		reason = DKIM_TAG_WRONG;
	}
	return broken != DKIM_VALID ? broken : reason;
}

struct slice dkim_signature_key_name(const struct dkim_signature *signature, struct arena *arena)
{
	struct slice domain = to_ascii(signature->domain, arena), selector = to_ascii(signature->selector, arena);
	return arena_printf(arena, "%.*s._domainkey.%.*s", SLICE_ARG(selector), SLICE_ARG(domain));
}
