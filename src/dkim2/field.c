/* Reading the fields, by two tables of tags. Unknown tags mean nothing, tag names are of any case, and each is there once. What is read of a
 * value can't have white space in it but where the grammar has it: a signature is over the field without white space, so that somebody could put
 * some in. */
#include "dkim2/field.h"

#include <openssl/evp.h>

#include "dkim/tags.h"
#include "message/address.h"

enum { TIME_DIGITS_MAX = 15, PATH_MAX_LENGTH = 1024 };

/* ---- the form in which it is signed ---- */

struct slice dkim2_field_text(struct slice whole, struct arena *arena)
{
	char *text = arena_alloc(arena, whole.len + 2);
	size_t len = 0, colon = slice_find_char(whole, ':');
	for (size_t i = 0; i < whole.len; i++)
		if (!ascii_is_space(whole.at[i]))
			text[len++] = i < colon ? ascii_lower(whole.at[i]) : whole.at[i];
	text[len++] = '\r';
	text[len++] = '\n';
	return slice_make(text, len);
}

static const struct dkim_tag *find_tag(const struct dkim_tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->count; i++)
		if (slice_equal_nocase(tags->list[i].name, slice_of(name)))
			return &tags->list[i];
	return NULL;
}

/* Cuts the next part off a list with commas. False at the end. */
static bool next_part(struct slice *rest, struct slice *part)
{
	if (!rest->at)
		return false;
	if (!slice_cut(*rest, ',', part, rest))
		*rest = (struct slice){0};
	return true;
}

/* Of "selector:algorithm:value" what is before the value. */
static struct slice before_value(struct slice part)
{
	size_t first = slice_find_char(part, ':');
	size_t second = first == SLICE_NONE ? SLICE_NONE : slice_find_char(slice_skip(part, first + 1), ':');
	return second == SLICE_NONE ? part : slice_sub(part, 0, first + 1 + second + 1);
}

static struct slice without_values(struct slice text, struct arena *arena)
{
	struct dkim_tags tags;
	size_t colon = slice_find_char(text, ':');
	struct buf out = BUF(text.len);
	struct slice part, end = slice_make(text.at + text.len, 0);
	if (colon == SLICE_NONE || dkim_tags_read(slice_skip(text, colon + 1), &tags) != DKIM_VALID || !find_tag(&tags, "s"))
		return text;
	struct slice room = find_tag(&tags, "s")->room;
	buf_append(&out, slice_make(text.at, (size_t)(room.at - text.at)));
	end = slice_make(room.at + room.len, (size_t)(end.at - (room.at + room.len)));
	for (bool first = true; next_part(&room, &part); first = false) {
		buf_append_text(&out, first ? "" : ",");
		buf_append(&out, before_value(part));
	}
	buf_append(&out, end);
	struct slice stripped = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return stripped;
}

/* ---- values ---- */

static bool is_blank_free(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (ascii_is_space(value.at[i]))
			return false;
	return value.len > 0;
}

static bool read_number(struct slice value, uint64_t *number)
{
	return slice_to_number(value, UINT32_MAX, number) && *number > 0;
}

static enum dkim2_reason read_i(void *out, struct slice value, struct arena *arena)
{
	(void)arena;
	return read_number(value, &((struct dkim2_signature *)out)->number) ? DKIM2_VALID : DKIM2_SYNTAX;
}

static enum dkim2_reason read_m(void *out, struct slice value, struct arena *arena)
{
	(void)arena;
	return read_number(value, &((struct dkim2_signature *)out)->instance) ? DKIM2_VALID : DKIM2_SYNTAX;
}

static enum dkim2_reason read_t(void *out, struct slice value, struct arena *arena)
{
	(void)arena;
	uint64_t number = 0;
	bool sound = value.len <= TIME_DIGITS_MAX && slice_to_number(value, INT64_MAX, &number);
	((struct dkim2_signature *)out)->made = (int64_t)number;
	return sound ? DKIM2_VALID : DKIM2_SYNTAX;
}

/* "<local@domain>" or "<>", in base64. */
static bool read_path(struct slice value, struct arena *arena, struct slice *path)
{
	*path = dkim_tags_base64(value, arena);
	if (path->len < 2 || path->len > PATH_MAX_LENGTH || path->at[0] != '<' || path->at[path->len - 1] != '>')
		return false;
	for (size_t i = 0; i < path->len; i++)
		if ((unsigned char)path->at[i] < ' ' || path->at[i] == 0x7f)
			return false;
	return slice_is_utf8(*path);
}

static enum dkim2_reason read_mf(void *out, struct slice value, struct arena *arena)
{
	return read_path(value, arena, &((struct dkim2_signature *)out)->from) ? DKIM2_VALID : DKIM2_SYNTAX;
}

static enum dkim2_reason read_rt(void *out, struct slice value, struct arena *arena)
{
	struct dkim2_signature *signature = out;
	struct slice part, counted = value;
	size_t count = 0;
	while (next_part(&counted, &part))
		count++;
	if (count > DKIM2_RECIPIENTS_MAX)
		return DKIM2_RECIPIENTS_MANY;
	signature->recipients = arena_array(arena, count, sizeof *signature->recipients);
	while (next_part(&value, &part))
		if (!read_path(part, arena, &signature->recipients[signature->recipient_count++]))
			return DKIM2_SYNTAX;
	return DKIM2_VALID;
}

static enum dkim2_reason read_d(void *out, struct slice value, struct arena *arena)
{
	struct dkim2_signature *signature = out;
	signature->domain = is_blank_free(value) ? domain_to_ascii(value, arena) : (struct slice){0};
	return signature->domain.len > 0 && slice_find_char(signature->domain, '.') != SLICE_NONE ? DKIM2_VALID : DKIM2_SYNTAX;
}

static enum dkim2_reason read_n(void *out, struct slice value, struct arena *arena)
{
	(void)out, (void)arena;
	return value.len == 0 || (value.len <= DKIM2_NONCE_MAX && is_blank_free(value) && slice_is_ascii(value)) ? DKIM2_VALID : DKIM2_SYNTAX;
}

static enum dkim2_reason read_f(void *out, struct slice value, struct arena *arena)
{
	(void)arena;
	static const struct { const char *name; unsigned bit; } known[] = {
		{"exploded", DKIM2_FLAG_EXPLODED}, {"donotexplode", DKIM2_FLAG_DONOTEXPLODE}, {"donotmodify", DKIM2_FLAG_DONOTMODIFY}, {"feedback", DKIM2_FLAG_FEEDBACK},
	};
	struct slice part;
	while (next_part(&value, &part))
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (slice_equal(slice_trim(part), slice_of(known[i].name)))
				((struct dkim2_signature *)out)->flags |= known[i].bit;
	return DKIM2_VALID;
}

static bool read_value(struct slice part, struct arena *arena, struct dkim2_value *value)
{
	struct slice rest, algorithm, bytes;
	if (!slice_cut(part, ':', &value->selector, &rest) || !slice_cut(rest, ':', &algorithm, &bytes))
		return false;
	value->selector = slice_trim(value->selector);
	algorithm = slice_trim(algorithm);
	value->bytes = dkim_tags_base64(bytes, arena);
	for (enum dkim_algorithm each = DKIM_RSA_SHA256; each <= DKIM_ED25519_SHA256 && !value->known; each++) {
		value->algorithm = each;
		value->known = slice_equal(algorithm, slice_of(dkim_algorithm_name(each)));
	}
	return is_blank_free(value->selector) && is_blank_free(algorithm) && value->bytes.len > 0;
}

static enum dkim2_reason read_s(void *out, struct slice value, struct arena *arena)
{
	struct dkim2_signature *signature = out;
	struct slice part;
	while (next_part(&value, &part)) {
		if (signature->value_count == DKIM2_VALUES_MAX)
			return DKIM2_FIELDS_MANY;
		if (!read_value(part, arena, &signature->values[signature->value_count++]))
			return DKIM2_SYNTAX;
	}
	return DKIM2_VALID;
}

static enum dkim2_reason read_state_m(void *out, struct slice value, struct arena *arena)
{
	(void)arena;
	return read_number(value, &((struct dkim2_state *)out)->number) ? DKIM2_VALID : DKIM2_SYNTAX;
}

static enum dkim2_reason read_r(void *out, struct slice value, struct arena *arena)
{
	struct dkim2_state *state = out;
	state->recipe = dkim_tags_base64(value, arena);
	return state->recipe.at ? DKIM2_VALID : DKIM2_SYNTAX;
}

/* "sha256:header:body", and of other kinds what they like. */
static enum dkim2_reason read_h(void *out, struct slice value, struct arena *arena)
{
	struct dkim2_state *state = out;
	struct slice part, name, rest, header, body;
	while (next_part(&value, &part)) {
		if (!slice_cut(part, ':', &name, &rest) || !slice_cut(rest, ':', &header, &body))
			return DKIM2_SYNTAX;
		if (!slice_equal(slice_trim(name), SLICE("sha256")))
			continue;
		if (state->hashed)
			return DKIM2_SYNTAX;
		state->header_hash = dkim_tags_base64(header, arena);
		state->body_hash = dkim_tags_base64(body, arena);
		state->hashed = true;
		if (state->header_hash.len != DKIM_DIGEST_SIZE || state->body_hash.len != DKIM_DIGEST_SIZE)
			return DKIM2_SYNTAX;
	}
	return DKIM2_VALID;
}

/* ---- the tables ---- */

struct row {
	const char *name;
	bool required;
	enum dkim2_reason (*read)(void *out, struct slice value, struct arena *arena);
};

/* The number first, so that it is known which field is at fault. */
static const struct row signature_rows[] = {{"i", true, read_i}, {"m", true, read_m}, {"t", true, read_t}, {"mf", true, read_mf}, {"rt", true, read_rt},
	{"d", true, read_d}, {"s", true, read_s}, {"n", false, read_n}, {"f", false, read_f}};
static const struct row state_rows[] = {{"m", true, read_state_m}, {"h", true, read_h}, {"r", false, read_r}};

static bool tags_are_single(const struct dkim_tags *tags)
{
	for (size_t i = 0; i < tags->count; i++)
		for (size_t j = 0; j < i; j++)
			if (slice_equal_nocase(tags->list[i].name, tags->list[j].name))
				return false;
	return true;
}

/* The first fault stands, but all that can be read is. */
static enum dkim2_reason read_rows(const struct header_field *field, const struct row *rows, size_t count, struct arena *arena, void *out, const char **wrong)
{
	struct dkim_tags tags;
	if (field->whole.len > DKIM2_FIELD_MAX)
		return DKIM2_FIELD_LARGE;
	enum dkim2_reason first = dkim_tags_read(field->body, &tags) == DKIM_VALID && tags_are_single(&tags) ? DKIM2_VALID : DKIM2_SYNTAX;
	for (size_t i = 0; i < count; i++) {
		const struct dkim_tag *tag = find_tag(&tags, rows[i].name);
		enum dkim2_reason reason = tag ? rows[i].read(out, tag->value, arena) : rows[i].required ? DKIM2_TAG_MISSING : DKIM2_VALID;
		if (first != DKIM2_VALID || reason == DKIM2_VALID)
			continue;
		first = reason;
		*wrong = rows[i].name;
	}
	return first;
}

static enum dkim2_reason name_keys(struct dkim2_signature *signature, struct arena *arena)
{
	for (size_t i = 0; i < signature->value_count; i++) {
		struct dkim2_value *value = &signature->values[i];
		struct slice selector = domain_to_ascii(value->selector, arena);
		value->key = arena_printf(arena, "%.*s._domainkey.%.*s", SLICE_ARG(selector), SLICE_ARG(signature->domain));
		if (selector.len == 0 || !lookup_name_is_askable(value->key)) {
			signature->wrong = "s";
			return DKIM2_SYNTAX;
		}
	}
	return DKIM2_VALID;
}

enum dkim2_reason dkim2_signature_read(const struct header_field *field, struct arena *arena, struct dkim2_signature *out)
{
	*out = (struct dkim2_signature){0};
	enum dkim2_reason reason = read_rows(field, signature_rows, sizeof signature_rows / sizeof *signature_rows, arena, out, &out->wrong);
	if (reason != DKIM2_VALID)
		return reason;
	out->text = dkim2_field_text(field->whole, arena);
	out->unsigned_text = without_values(out->text, arena);
	return name_keys(out, arena);
}

enum dkim2_reason dkim2_state_read(const struct header_field *field, struct arena *arena, struct dkim2_state *out)
{
	*out = (struct dkim2_state){0};
	enum dkim2_reason reason = read_rows(field, state_rows, sizeof state_rows / sizeof *state_rows, arena, out, &out->wrong);
	out->text = dkim2_field_text(field->whole, arena);
	return reason;
}

/* ---- domains ---- */

struct slice dkim2_path_domain(struct slice path)
{
	if (path.len > 0 && path.at[path.len - 1] == '>')
		path.len--;
	size_t at = slice_find_last_char(path, '@');
	return at == SLICE_NONE ? (struct slice){0} : slice_skip(path, at + 1);
}

bool dkim2_domain_is_within(struct slice domain, struct slice of)
{
	return of.len > 0 && slice_ends_nocase(domain, of) && (domain.len == of.len || domain.at[domain.len - of.len - 1] == '.');
}

bool dkim2_follows(const struct dkim2_signature *before, struct slice from, struct slice domain, struct arena *arena)
{
	struct slice sender = dkim2_path_domain(from);
	struct slice holder = sender.len > 0 ? domain_to_ascii(sender, arena) : domain;
	for (size_t i = 0; i < before->recipient_count; i++)
		if (dkim2_domain_is_within(holder, domain_to_ascii(dkim2_path_domain(before->recipients[i]), arena)))
			return true;
	return false;
}

/* ---- all of a message's ---- */

static enum dkim2_reason blame(struct dkim2_fields *fields, bool state, uint64_t number, const char *tag, enum dkim2_reason reason)
{
	fields->wrong_state = state;
	fields->wrong_number = number;
	fields->wrong_tag = tag;
	return reason;
}

static enum dkim2_reason take_signature(struct dkim2_fields *fields, const struct header_field *field, struct arena *arena)
{
	struct dkim2_signature read;
	enum dkim2_reason reason = dkim2_signature_read(field, arena, &read);
	if (reason != DKIM2_VALID)
		return blame(fields, false, read.number, read.wrong, reason);
	if (read.number > DKIM2_SIGNATURES_MAX)
		return blame(fields, false, 0, NULL, DKIM2_FIELDS_MANY);
	if (fields->signatures[read.number - 1].number > 0)
		return blame(fields, false, read.number, NULL, DKIM2_TWICE);
	fields->signatures[read.number - 1] = read;
	if (read.number > fields->signature_count)
		fields->signature_count = (size_t)read.number;
	return DKIM2_VALID;
}

static enum dkim2_reason take_state(struct dkim2_fields *fields, const struct header_field *field, struct arena *arena)
{
	struct dkim2_state read;
	enum dkim2_reason reason = dkim2_state_read(field, arena, &read);
	if (reason != DKIM2_VALID)
		return blame(fields, true, read.number, read.wrong, reason);
	if (read.number > DKIM2_SIGNATURES_MAX)
		return blame(fields, true, 0, NULL, DKIM2_FIELDS_MANY);
	if (fields->states[read.number - 1].number > 0)
		return blame(fields, true, read.number, NULL, DKIM2_TWICE);
	fields->states[read.number - 1] = read;
	if (read.number > fields->state_count)
		fields->state_count = (size_t)read.number;
	return DKIM2_VALID;
}

/* Without gaps; each signature is over an instance that is there, no older one than the signature before; the newest is signed. */
static enum dkim2_reason check_order(struct dkim2_fields *fields)
{
	uint64_t newest = 0;
	for (size_t i = 0; i < fields->state_count; i++)
		if (fields->states[i].number == 0)
			return blame(fields, true, i + 1, NULL, DKIM2_MISSING);
	for (size_t i = 0; i < fields->signature_count; i++) {
		const struct dkim2_signature *signature = &fields->signatures[i];
		if (signature->number == 0)
			return blame(fields, false, i + 1, NULL, DKIM2_MISSING);
		if (signature->instance > fields->state_count)
			return blame(fields, true, signature->instance, NULL, DKIM2_MISSING);
		if (signature->instance < newest)
			return blame(fields, false, i + 1, "m", DKIM2_SYNTAX);
		newest = signature->instance;
	}
	return newest < fields->state_count ? blame(fields, true, newest + 1, NULL, DKIM2_UNSIGNED) : DKIM2_VALID;
}

enum dkim2_reason dkim2_fields_read(struct slice header, struct arena *arena, struct dkim2_fields *fields)
{
	struct header_field field;
	enum dkim2_reason reason = DKIM2_VALID;
	*fields = (struct dkim2_fields){0};
	while (reason == DKIM2_VALID && header_next(&header, &field)) {
		if (slice_equal_nocase(field.name, SLICE("DKIM2-Signature")))
			reason = take_signature(fields, &field, arena);
		else if (slice_equal_nocase(field.name, SLICE("Message-Instance")))
			reason = take_state(fields, &field, arena);
	}
	if (reason == DKIM2_VALID && fields->signature_count + fields->state_count == 0)
		reason = DKIM2_ABSENT;
	return reason == DKIM2_VALID ? check_order(fields) : reason;
}

void dkim2_fields_hash(const struct dkim2_fields *fields, size_t index, uint64_t instance, EVP_MD_CTX *hash)
{
	for (size_t i = 0; i < fields->state_count && i < instance; i++)
		EVP_DigestUpdate(hash, fields->states[i].text.at, fields->states[i].text.len);
	for (size_t i = 0; i < index; i++)
		EVP_DigestUpdate(hash, fields->signatures[i].text.at, fields->signatures[i].text.len);
}
