/* From a message to its tokens. Words are lower-cased; two that follow one another are a token, too. Words of header fields and of what isn't
 * shown have the place they stand in before them ("subject:free"), links count by their host and its parents. What its way adds to a message
 * makes no token: it is the same for good and bad, or names us. */
#include "classify/internal.h"
#include "message/header.h"

enum {
	TABLE_SLOTS = 16384,       /* of the set of tokens: a power of two, well over CLASSIFY_TOKENS_MAX */
	TEXT_MAX = 128 * 1024,     /* bytes of a part that are read, … */
	PARTS_MAX = 10,            /* … and parts */
	FIELD_TEXT_MAX = 1000,     /* bytes of a field that are read, … */
	FIELDS_MAX = 200,          /* … and fields */
	LINKS_MAX = 100,
	HOST_PARTS_MAX = 4,
	ADDRESSES_MAX = 10,        /* of a field */
	WHOLE_MAX = 80,            /* bytes of a field that is one token */
	WORD_LEAST = 3,
	GAP_MAX = 8,               /* bytes between two words of a pair */
};

struct tokenizer {
	struct arena *arena;
	struct classify_tokens *tokens;
	uint16_t *slots;           /* numbers of tokens, from 1; 0: free */
	struct slice place;        /* where the words stand: "subject:"; empty: in the text */
	uint64_t place_hash;
	uint64_t former_hash;      /* of the word before, 0: there is none */
	struct slice former;
};

/* ---- the set ---- */

static uint64_t hash_of(uint64_t hash, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 0x100000001b3;
	return hash;
}

/* The text of the token is made when it is new: prefix and word, or two words with what stood between them. */
static void add(struct tokenizer *tokenizer, uint64_t hash, struct slice prefix, struct slice text)
{
	struct classify_tokens *tokens = tokenizer->tokens;
	uint64_t mixed = classify_mix(hash);
	size_t slot = mixed & (TABLE_SLOTS - 1);
	for (; tokenizer->slots[slot] != 0; slot = (slot + 1) & (TABLE_SLOTS - 1))
		if (tokens->at[tokenizer->slots[slot] - 1].hash == mixed)
			return;
	if (tokens->count == CLASSIFY_TOKENS_MAX)
		return;
	if (prefix.len > 0)
		text = arena_printf(tokenizer->arena, "%.*s%.*s", SLICE_ARG(prefix), SLICE_ARG(text));
	tokens->at[tokens->count] = (struct classify_token){mixed, text};
	tokenizer->slots[slot] = (uint16_t)++tokens->count;
	tokens->digest += classify_mix(mixed); /* in whatever order */
}

static void set_place(struct tokenizer *tokenizer, struct slice place)
{
	tokenizer->place = place;
	tokenizer->place_hash = hash_of(0xcbf29ce484222325, place);
	tokenizer->former_hash = 0;
}

static void add_alone(struct tokenizer *tokenizer, struct slice place, struct slice text)
{
	add(tokenizer, hash_of(hash_of(0xcbf29ce484222325, place), text), place, text);
}

/* ---- words ---- */

static void add_word(struct tokenizer *tokenizer, struct slice word)
{
	uint64_t hash = hash_of(tokenizer->place_hash, word);
	add(tokenizer, hash, tokenizer->place, word);
	if (tokenizer->former_hash != 0 && word.at - (tokenizer->former.at + tokenizer->former.len) <= GAP_MAX) {
		struct slice pair = slice_make(tokenizer->former.at, (size_t)(word.at + word.len - tokenizer->former.at));
		add(tokenizer, classify_mix(tokenizer->former_hash) + hash, tokenizer->place, pair);
	}
	tokenizer->former_hash = hash;
	tokenizer->former = word;
}

/* A word without end (an address, a number, a name that was made up) says how long it is. */
static void add_long(struct tokenizer *tokenizer, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t tens = length / 20 < sizeof digits - 1 ? length / 20 : sizeof digits - 2;
	add_alone(tokenizer, SLICE("long:"), slice_make(&digits[tens], 1));
	tokenizer->former_hash = 0;
}

static size_t character_length(struct slice s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return length < s.len ? length : s.len;
}

/* Chinese and Japanese have no blanks between words (U+3040 to U+9FFF). */
static bool is_ideograph(struct slice s)
{
	unsigned char c = (unsigned char)s.at[0];
	return s.len >= 3 && ((c == 0xe3 && (unsigned char)s.at[1] >= 0x81) || (c >= 0xe4 && c <= 0xe9));
}

/* Blanks and punctuation beyond ASCII (U+0080 to U+00BF, U+2000 to U+206F, U+3000 to U+303F, U+FF00 to U+FF0F). */
static bool is_mark(struct slice s)
{
	unsigned char c = (unsigned char)s.at[0], next = s.len > 1 ? (unsigned char)s.at[1] : 0;
	return c == 0xc2 || (c == 0xe2 && (next == 0x80 || next == 0x81)) || (c == 0xe3 && next == 0x80) || (c == 0xef && next == 0xbc);
}

static bool is_word_byte(struct slice s, size_t at)
{
	char c = s.at[at];
	if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '$' || c == '\'' || c == '-' || c == '%' || c == '_')
		return true;
	return (c == '.' || c == ',' || c == '@') && at > 0 && at + 1 < s.len && (ascii_is_digit(s.at[at + 1]) || ascii_is_alpha(s.at[at + 1])) &&
	       (c == '@' || ascii_is_digit(s.at[at - 1]));
}

/* The length of the word at the start of `s`; 0: it begins with something else. */
static size_t word_length(struct slice s)
{
	size_t n = 0;
	while (n < s.len) {
		struct slice rest = slice_skip(s, n);
		bool high = (unsigned char)s.at[n] >= 0x80;
		if (high ? is_mark(rest) || is_ideograph(rest) : !is_word_byte(s, n))
			break;
		n += high ? character_length(rest) : 1;
	}
	return n;
}

static struct slice strip(struct slice word)
{
	while (word.len > 0 && strchr("'-_", word.at[0]))
		word = slice_skip(word, 1);
	while (word.len > 0 && strchr("'-_", word.at[word.len - 1]))
		word.len--;
	return word;
}

/* Two characters at a time; they overlap. */
static struct slice take_ideographs(struct tokenizer *tokenizer, struct slice text)
{
	while (text.len > 0 && is_ideograph(text)) {
		struct slice rest = slice_skip(text, 3);
		if (rest.len > 0 && is_ideograph(rest))
			add(tokenizer, hash_of(tokenizer->place_hash, slice_sub(text, 0, 6)), tokenizer->place, slice_sub(text, 0, 6));
		text = rest;
	}
	tokenizer->former_hash = 0;
	return text;
}

/* `text` is folded, and lives as long as the tokens. */
static void add_words(struct tokenizer *tokenizer, struct slice text)
{
	while (text.len > 0) {
		size_t length = word_length(text);
		if (length == 0) {
			text = is_ideograph(text) ? take_ideographs(tokenizer, text) : slice_skip(text, character_length(text));
			continue;
		}
		struct slice word = strip(slice_sub(text, 0, length));
		if (word.len > CLASSIFY_WORD_MAX)
			add_long(tokenizer, word.len);
		else if (word.len >= WORD_LEAST || (word.len > 0 && word.at[0] == '$'))
			add_word(tokenizer, word);
		text = slice_skip(text, length);
	}
}

static void add_text(struct tokenizer *tokenizer, struct slice place, struct slice text, size_t most)
{
	set_place(tokenizer, place);
	add_words(tokenizer, text_fold(slice_sub(text, 0, most), tokenizer->arena));
}

/* ---- links ---- */

/* "a.b.example.com" is "url:a.b.example.com", "url:b.example.com" and "url:example.com". */
static void add_host(struct tokenizer *tokenizer, struct slice place, struct slice host)
{
	host = slice_sub(host, 0, FIELD_TEXT_MAX);
	for (int i = 0; i < HOST_PARTS_MAX && slice_find_char(host, '.') != SLICE_NONE; i++) {
		struct slice first;
		add_alone(tokenizer, place, host);
		slice_cut(host, '.', &first, &host);
	}
}

static void add_links(struct tokenizer *tokenizer, const struct shown *shown)
{
	for (size_t i = 0; i < shown->link_count && i < LINKS_MAX; i++)
		add_host(tokenizer, SLICE("url:"), shown_host(shown->links[i].target, tokenizer->arena));
}

/* ---- header ---- */

enum reading {
	READ_WORDS,
	READ_WHOLE,     /* one token */
	READ_ADDRESSES, /* of each the address and its host */
	READ_PEOPLE,    /* and the words of its name */
};

/* Fields of which the content counts. Others count by being there. */
static const struct read_field {
	const char *name, *place;
	enum reading reading;
} read_fields[] = {
	{"Subject", "subject:", READ_WORDS}, {"From", "from:", READ_PEOPLE}, {"Reply-To", "reply-to:", READ_ADDRESSES}, {"To", "to:", READ_ADDRESSES},
	{"Cc", "to:", READ_ADDRESSES}, {"Sender", "sender:", READ_ADDRESSES}, {"X-Mailer", "mailer:", READ_WORDS}, {"User-Agent", "mailer:", READ_WORDS},
	{"Organization", "organization:", READ_WORDS}, {"List-Id", "list:", READ_WHOLE}, {"Precedence", "precedence:", READ_WHOLE},
	{"X-Priority", "priority:", READ_WHOLE}, {"Importance", "importance:", READ_WHOLE}, {"MIME-Version", "mime:", READ_WHOLE},
};

/* Fields that say nothing of whoever wrote the message: its way, what filters and archives noted. */
static const char passed_over[] = "Received Received-SPF Return-Path Delivered-To Envelope-To X-Original-To X-Delivered-To Authentication-Results DKIM-Signature "
	"Date Message-ID Content-Type Content-Transfer-Encoding Content-Length Lines Status X-Status X-UID X-Keywords X-Envelope-From X-Envelope-To Old-Date "
	"In-Reply-To References";
static const char *const passed_over_prefixes[] = {"X-Spam", "X-Virus", "X-Pyzor", "X-Bogosity", "X-DCC", "ARC-", "X-Pombal", "X-Gmane", "X-MS-Exchange", "X-Amavis", "X-Attachment-Findings", "X-Rspamd"};

static bool is_passed_over(struct slice name)
{
	bool found = slice_has_word_nocase(slice_of(passed_over), name);
	for (size_t i = 0; i < sizeof passed_over_prefixes / sizeof *passed_over_prefixes; i++)
		found |= slice_starts_nocase(name, slice_of(passed_over_prefixes[i]));
	return found;
}

static void add_addresses(struct tokenizer *tokenizer, struct slice place, struct slice body, bool names)
{
	struct arena *arena = tokenizer->arena;
	struct address *list;
	size_t count;
	address_parse_list(body, ADDRESSES_MAX, arena, &list, &count);
	for (size_t i = 0; i < count; i++) {
		struct slice domain = domain_canonical(list[i].domain, arena), local = text_fold(slice_sub(list[i].local, 0, ADDRESS_LOCAL_MAX), arena);
		if (list[i].domain.len > 0)
			add_alone(tokenizer, place, arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain)));
		add_host(tokenizer, place, domain);
		if (names)
			add_text(tokenizer, place, header_decode(list[i].name, arena), FIELD_TEXT_MAX);
	}
}

static void add_read_field(struct tokenizer *tokenizer, const struct read_field *read, struct slice body)
{
	struct arena *arena = tokenizer->arena;
	struct slice place = slice_of(read->place);
	if (read->reading == READ_WORDS)
		add_text(tokenizer, place, header_decode(body, arena), FIELD_TEXT_MAX);
	else if (read->reading == READ_WHOLE)
		add_alone(tokenizer, place, text_fold(slice_sub(slice_trim(header_decode(body, arena)), 0, WHOLE_MAX), arena));
	else
		add_addresses(tokenizer, place, body, read->reading == READ_PEOPLE);
}

static void add_field(struct tokenizer *tokenizer, const struct header_field *field)
{
	if (is_passed_over(field->name))
		return;
	for (size_t i = 0; i < sizeof read_fields / sizeof *read_fields; i++)
		if (slice_equal_nocase(field->name, slice_of(read_fields[i].name))) {
			add_read_field(tokenizer, &read_fields[i], slice_sub(field->body, 0, FIELD_TEXT_MAX));
			return;
		}
	add_alone(tokenizer, SLICE("has:"), text_fold(slice_sub(field->name, 0, CLASSIFY_WORD_MAX), tokenizer->arena));
}

static void add_header(struct tokenizer *tokenizer, struct slice header)
{
	struct header_field field;
	for (int i = 0; i < FIELDS_MAX && header_next(&header, &field); i++)
		if (field.name.len > 0)
			add_field(tokenizer, &field);
}

/* ---- structure ---- */

static void add_part(struct tokenizer *tokenizer, const struct mime_part *part)
{
	struct arena *arena = tokenizer->arena;
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	struct slice name = parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename"));
	add_alone(tokenizer, SLICE("type:"), arena_printf(arena, "%.*s/%.*s", SLICE_ARG(slice_sub(part->type, 0, CLASSIFY_WORD_MAX)),
							  SLICE_ARG(slice_sub(part->subtype, 0, CLASSIFY_WORD_MAX))));
	add_alone(tokenizer, SLICE("encoding:"), slice_sub(part->encoding, 0, CLASSIFY_WORD_MAX));
	if (charset.len > 0)
		add_alone(tokenizer, SLICE("charset:"), text_fold(slice_sub(charset, 0, CLASSIFY_WORD_MAX), arena));
	if (name.len > 0)
		add_text(tokenizer, SLICE("file:"), name, FIELD_TEXT_MAX);
}

static void add_parts(struct tokenizer *tokenizer, const struct mime_part *part, size_t *left)
{
	if (*left == 0)
		return;
	--*left;
	add_part(tokenizer, part);
	for (size_t i = 0; i < part->child_count; i++)
		add_parts(tokenizer, &part->children[i], left);
}

static void add_shown(struct tokenizer *tokenizer, const struct shown *shown)
{
	for (size_t i = 0; i < shown->part_count && i < PARTS_MAX; i++) {
		add_text(tokenizer, SLICE(""), shown->parts[i].text, TEXT_MAX);
		add_text(tokenizer, SLICE("hidden:"), shown->parts[i].hidden, FIELD_TEXT_MAX);
	}
	if (shown->invisible > 0)
		add_alone(tokenizer, SLICE("has:"), SLICE("invisible characters"));
	if (shown->remote_images > 0)
		add_alone(tokenizer, SLICE("has:"), SLICE("remote images"));
	if (shown->forms + shown->scripts > 0)
		add_alone(tokenizer, SLICE("has:"), SLICE("form or script"));
}

void classify_tokenize(struct slice header, const struct mime_part *root, const struct shown *shown, struct arena *arena,
		       struct classify_tokens *tokens)
{
	size_t parts = PARTS_MAX;
	*tokens = (struct classify_tokens){.at = arena_array(arena, CLASSIFY_TOKENS_MAX, sizeof *tokens->at)};
	struct tokenizer tokenizer = {.arena = arena, .tokens = tokens, .slots = arena_array(arena, TABLE_SLOTS, sizeof(uint16_t))};
	add_header(&tokenizer, header);
	tokens->text_at = tokens->count;
	add_parts(&tokenizer, root, &parts);
	add_links(&tokenizer, shown);
	add_shown(&tokenizer, shown);
	tokens->digest = classify_mix(tokens->digest ^ hash_of(0xcbf29ce484222325, root->envelope->message_id));
}
