/* Address lists of header fields (RFC 5322 §3.4 with the obsolete forms of §4.4), as leniently as mail is written. Each
 * entry is looked at twice: once to find its end and shape, once to take it apart; so time is linear, whatever is in it. */
#include "message/address_list.h"

#include "base/array.h"
#include "message/scan.h"

enum {
	ENTRY_MAX = 64 * 1024, /* a longer entry is nobody's address and is passed over */
	POOL_CHUNK = 1024,
};

/* Text being cut into tokens. Once a quote or a comment didn't close, its opening character is an ordinary one for the rest
 * of the text: so that no second search runs to the end. */
struct scanner {
	struct slice text;
	bool quotes_broken, comments_broken;
};

/* One parse. `text_at` is room in the arena for the strings: what an entry yields is never longer than the entry. */
struct parser {
	struct slice body;
	struct scanner scanner;
	size_t at, max;
	bool in_group;
	struct arena *arena;
	struct address_list *list;
	char *text_at;
	size_t text_left;
};

/* What the first look at an entry found; positions are in the body. */
struct entry {
	size_t start, end;
	size_t angle, angle_end; /* '<' and '>', SLICE_NONE if absent */
	bool at_sign;
	char terminator;         /* ',', ';', ':' (a group starts) or 0 at the end */
};

static void append(struct parser *parser, struct address address)
{
	struct address_list *list = parser->list;
	ARENA_GROW(parser->arena, list->at, list->count, list->room);
	list->at[list->count++] = address;
}

/* Room for `len` bytes of text; kept only as far as keep_text() says. */
static char *text_room(struct parser *parser, size_t len)
{
	if (!parser->text_at || parser->text_left < len) {
		size_t rest = parser->body.len - parser->at;
		size_t size = rest < POOL_CHUNK ? rest : POOL_CHUNK;
		parser->text_left = size < len ? len : size;
		parser->text_at = arena_alloc(parser->arena, parser->text_left);
	}
	return parser->text_at;
}

static void keep_text(struct parser *parser, size_t len)
{
	parser->text_at += len;
	parser->text_left -= len;
}

/* Index behind the quoted string, comment, encoded word or quoted pair at `at`; at + 1 for anything else. */
static size_t skip_token(struct scanner *scanner, size_t at)
{
	size_t end = SLICE_NONE;
	char c = scanner->text.at[at];
	if (c == '"' && !scanner->quotes_broken) {
		end = header_scan_quoted(scanner->text, at);
		scanner->quotes_broken = end == SLICE_NONE;
	} else if (c == '(' && !scanner->comments_broken) {
		end = header_scan_comment(scanner->text, at);
		scanner->comments_broken = end == SLICE_NONE;
	} else if (c == '=') {
		end = header_scan_encoded_word(scanner->text, at);
	} else if (c == '\\' && at + 1 < scanner->text.len) {
		end = at + 2;
	}
	return end == SLICE_NONE ? at + 1 : end;
}

/* Index behind the domain literal at `at`, or `at` if it isn't one. */
static size_t skip_literal(struct slice s, size_t at)
{
	for (size_t i = at + 1; i < s.len; i++) {
		if (s.at[i] == ']')
			return i + 1;
		if (s.at[i] == '[' || s.at[i] == ',' || s.at[i] == '<' || s.at[i] == '>')
			break;
	}
	return at;
}

/* Commas of a source route "<@a,@b:c@d>" don't end the entry. */
static bool in_route(const struct parser *parser, const struct entry *entry, bool colon_seen)
{
	if (entry->angle == SLICE_NONE || entry->angle_end != SLICE_NONE || colon_seen)
		return false;
	return slice_starts(header_scan_skip(slice_sub(parser->body, entry->angle + 1, 16)), SLICE("@"));
}

/* Finds the end of the entry at parser->at, and leaves parser->at behind its terminator. */
static struct entry find_entry(struct parser *parser)
{
	struct entry entry = {.start = parser->at, .angle = SLICE_NONE, .angle_end = SLICE_NONE};
	bool route_ended = false;
	size_t i = parser->at;
	for (; i < parser->body.len && entry.terminator == 0; i = skip_token(&parser->scanner, i)) {
		char c = parser->body.at[i];
		bool outside = entry.angle == SLICE_NONE;
		if (c == '<' && outside) {
			entry.angle = i;
		} else if (c == '>' && !outside && entry.angle_end == SLICE_NONE) {
			entry.angle_end = i;
		} else if (c == '@') {
			entry.at_sign |= outside;
		} else if (c == '[' && i > 0) {
			size_t end = skip_literal(parser->body, i);
			i = end > i ? end - 1 : i;
		} else if (c == ':' && outside && !entry.at_sign && !parser->in_group) {
			entry.terminator = c;
			entry.end = i;
		} else if (c == ':') {
			route_ended = true;
		} else if (c == ';' || (c == ',' && !in_route(parser, &entry, route_ended))) {
			entry.terminator = c;
			entry.end = i;
		}
	}
	if (entry.terminator == 0)
		entry.end = parser->body.len;
	parser->at = i;
	return entry;
}

/* What words are read as, which decides what white space means: in a name it stays, in an address (in brackets) it may
 * stand around '.' and '@' (RFC 5322 §4.4), and without brackets it divides a name from the address behind it. */
enum reading { READ_NAME, READ_SPEC, READ_BARE };

/* An entry being taken apart: its words written one after another to `out`. */
struct words {
	enum reading reading;
	char *out;
	size_t len;
	size_t word;      /* where the last word starts: a run without white space but around '.' and '@' */
	size_t at_sign;   /* of the last '@' outside of quotes in that word, SLICE_NONE if none */
	bool space, done; /* white space is pending; an address is complete and white space followed */
	bool spaced_dot;  /* white space stood before the last dot: so it may behind it */
	struct slice comment;
	bool literal; /* see struct address */
};

/* May the white space between the last character and `next` be left out? */
static bool is_joined(struct words *words, char next)
{
	char last = words->len > 0 ? words->out[words->len - 1] : '@';
	if (words->reading == READ_NAME)
		return words->len == 0;
	if (next == '.')
		words->spaced_dot = true;
	bool dotted = words->reading == READ_SPEC || words->at_sign != SLICE_NONE || words->spaced_dot;
	return last == '@' || next == '@' || next == '.' || (last == '.' && dotted);
}

static void add_separator(struct words *words, char next)
{
	bool split = words->reading == READ_BARE;
	if (words->space && !is_joined(words, next)) {
		if (split && words->at_sign != SLICE_NONE) {
			words->done = true;
			return;
		}
		words->out[words->len++] = ' ';
		if (split)
			words->word = words->len;
		words->spaced_dot = false;
	}
	words->space = false;
}

static void add_token(struct words *words, struct slice token)
{
	bool whole = token.len > 1;
	if (whole && token.at[0] == '"') {
		words->literal |= slice_find(token, SLICE("=?")) != SLICE_NONE;
		words->len += header_scan_unescape(slice_sub(token, 1, token.len - 2), words->out + words->len);
		return;
	}
	if (whole && token.at[0] == '=') {
		for (size_t i = 0; i < token.len; i++)
			words->out[words->len++] = header_scan_clean(token.at[i]);
		return;
	}
	if (token.at[0] == '@')
		words->at_sign = words->len;
	char c = whole && token.at[0] == '\\' ? token.at[1] : token.at[0];
	words->out[words->len++] = header_scan_clean(c);
}

/* Writes the words of body[start, end) to `out`. */
static struct words take_words(struct parser *parser, size_t start, size_t end, char *out, enum reading reading)
{
	struct words words = {.reading = reading, .out = out, .at_sign = SLICE_NONE};
	struct scanner scanner = {.text = slice_sub(parser->body, 0, end)};
	for (size_t i = start; i < end;) {
		char c = parser->body.at[i];
		size_t next = skip_token(&scanner, i);
		struct slice token = slice_sub(parser->body, i, next - i);
		i = next;
		if (ascii_is_space(c) || (c == '>' && reading == READ_BARE)) {
			words.space = true;
		} else if (c == '(' && token.len > 1) {
			words.comment = slice_sub(token, 1, token.len - 2);
			words.space = true;
		} else if (!words.done) {
			add_separator(&words, c);
			if (!words.done)
				add_token(&words, token);
		}
	}
	return words;
}

static struct slice trim_spaces(struct slice s)
{
	while (s.len > 0 && s.at[s.len - 1] == ' ')
		s.len--;
	while (s.len > 0 && s.at[0] == ' ')
		s = slice_skip(s, 1);
	return s;
}

static void set_spec(struct address *address, const struct words *words)
{
	struct slice all = slice_make(words->out, words->len);
	if (words->at_sign == SLICE_NONE) {
		address->local = all;
		address->domain = slice_sub(all, all.len, 0);
		return;
	}
	address->local = slice_sub(all, words->word, words->at_sign - words->word);
	address->domain = slice_skip(all, words->at_sign + 1);
}

/* Behind an obsolete source route "@a,@b:", if there is one. */
static size_t skip_route(struct slice body, size_t start, size_t end)
{
	struct slice inside = slice_sub(body, start, end - start);
	if (!slice_starts(header_scan_skip(inside), SLICE("@")))
		return start;
	size_t colon = slice_find_char(inside, ':');
	return colon == SLICE_NONE ? start : start + colon + 1;
}

/* The route in front of the address, without blanks and its colon. */
static struct slice copy_route(struct slice body, size_t start, size_t spec_start, char *out)
{
	size_t len = 0;
	for (size_t i = start; i + 1 < spec_start; i++)
		if (!ascii_is_space(body.at[i]))
			out[len++] = body.at[i];
	return slice_make(out, len);
}

/* "name <local@domain> (comment)". */
static struct address read_angle(struct parser *parser, const struct entry *entry, char *out, size_t *used)
{
	struct address address = {.kind = ADDRESS_MAILBOX};
	struct words name = take_words(parser, entry->start, entry->angle, out, READ_NAME);
	address.name = trim_spaces(slice_make(out, name.len));
	address.literal = name.literal;
	size_t end = entry->angle_end == SLICE_NONE ? entry->end : entry->angle_end;
	size_t start = skip_route(parser->body, entry->angle + 1, end);
	struct words spec = take_words(parser, start, end, out + name.len, READ_SPEC);
	set_spec(&address, &spec);
	address.route = copy_route(parser->body, entry->angle + 1, start, out + name.len + spec.len);
	*used = name.len + spec.len + address.route.len;
	struct slice comment = name.comment.len > 0 ? name.comment : spec.comment;
	if (comment.len == 0 && end < entry->end) {
		/* What follows the bracket is written behind the rest and forgotten; only a comment in it counts. */
		struct words behind = take_words(parser, end + 1, entry->end, out + *used, READ_NAME);
		comment = behind.comment;
	}
	if (address.name.len == 0 && comment.len > 0) {
		size_t len = header_scan_unescape(comment, out + *used);
		address.name = trim_spaces(slice_make(out + *used, len));
		*used += len;
	}
	return address;
}

/* "local@domain (name)", or words that are no address at all. */
static struct address read_bare(struct parser *parser, const struct entry *entry, char *out, size_t *used)
{
	struct address address = {.kind = ADDRESS_MAILBOX};
	struct words words = take_words(parser, entry->start, entry->end, out, READ_BARE);
	set_spec(&address, &words);
	*used = words.len;
	if (words.at_sign != SLICE_NONE)
		address.name = trim_spaces(slice_make(out, words.word)), address.literal = words.literal;
	if (address.name.len == 0 && words.comment.len > 0) {
		size_t len = header_scan_unescape(words.comment, out + *used);
		address.name = trim_spaces(slice_make(out + *used, len));
		*used += len;
	}
	return address;
}

static void take_mailbox(struct parser *parser, const struct entry *entry)
{
	size_t used = 0;
	if (entry->end == entry->start || entry->end - entry->start > ENTRY_MAX)
		return;
	char *out = text_room(parser, entry->end - entry->start);
	struct address address = entry->angle == SLICE_NONE ? read_bare(parser, entry, out, &used) : read_angle(parser, entry, out, &used);
	if (address.local.len == 0 && address.domain.len == 0 && (entry->angle == SLICE_NONE || address.name.len == 0))
		return;
	keep_text(parser, used);
	append(parser, address);
}

static void start_group(struct parser *parser, const struct entry *entry)
{
	size_t len = entry->end - entry->start;
	if (len > ENTRY_MAX || parser->list->count + 2 > parser->max)
		return;
	struct words words = take_words(parser, entry->start, entry->end, text_room(parser, len), READ_NAME);
	append(parser, (struct address){.kind = ADDRESS_GROUP_START, .local = trim_spaces(slice_make(words.out, words.len)), .literal = words.literal});
	keep_text(parser, words.len);
	parser->in_group = true;
}

static void end_group(struct parser *parser)
{
	if (parser->in_group)
		append(parser, (struct address){.kind = ADDRESS_GROUP_END});
	parser->in_group = false;
}

void address_list_append(struct address_list *list, struct slice body, size_t max, struct arena *arena)
{
	struct parser parser = {.body = body, .scanner = {.text = body}, .max = max, .arena = arena, .list = list};
	/* A group keeps a place for its end. */
	while (parser.at < body.len && list->count + parser.in_group < max) {
		struct entry entry = find_entry(&parser);
		if (entry.terminator == ':')
			start_group(&parser, &entry);
		else
			take_mailbox(&parser, &entry);
		if (entry.terminator == ';')
			end_group(&parser);
	}
	end_group(&parser);
}

void address_parse_list(struct slice body, size_t max, struct arena *arena, struct address **list, size_t *count)
{
	struct address_list found = {0};
	address_list_append(&found, body, max, arena);
	*list = found.at;
	*count = found.count;
}
