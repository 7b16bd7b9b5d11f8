/* SMTP paths and mailboxes (RFC 5321 §4.1.2, RFC 6531 §3.3), and what devices and a Japanese telephone company write in their place:
 * no brackets, blanks inside of them, dots anywhere in the local part, underscores in a domain, a dot at its end. Whatever was read is
 * given as the RFC has it, quoted where it must be. It goes into the queue, into logs and into other servers' ears; so no control
 * character, no unquoted blank, nothing over the limits passes. */
#include "message/address.h"

#include "base/buf.h"
#include "message/text.h"

/* A mailbox being read: `rest` shrinks from the front. */
struct reader {
	struct slice rest;
	bool utf8;
	struct error *error;
};

static bool take(struct reader *reader, char c)
{
	if (reader->rest.len == 0 || reader->rest.at[0] != c)
		return false;
	reader->rest = slice_skip(reader->rest, 1);
	return true;
}

static bool is_atext(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between them. */
static bool is_dot_string(struct slice s)
{
	if (s.len == 0 || s.at[0] == '.' || s.at[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '.' ? s.at[i + 1] == '.' : !is_atext(s.at[i]))
			return false;
	return true;
}

/* Atoms, and dots wherever they stand ("taro..yama."): append_local() quotes what isn't a dot-string. */
static bool take_dotted(struct reader *reader, struct buf *local)
{
	size_t len = 0;
	while (len < reader->rest.len && (is_atext(reader->rest.at[len]) || reader->rest.at[len] == '.'))
		len++;
	struct slice found = slice_sub(reader->rest, 0, len);
	reader->rest = slice_skip(reader->rest, len);
	if (found.len == 0)
		return error_set(reader->error, ERROR_INVALID, "the part before the @ is not a valid name");
	buf_append(local, found);
	return true;
}

static bool take_quoted_string(struct reader *reader, struct buf *local)
{
	while (reader->rest.len > 0 && !take(reader, '"')) {
		take(reader, '\\');
		if (reader->rest.len == 0 || (unsigned char)reader->rest.at[0] < 0x20 || reader->rest.at[0] == 0x7f)
			return error_set(reader->error, ERROR_INVALID, "control character in a quoted name");
		buf_append_char(local, reader->rest.at[0]);
		reader->rest = slice_skip(reader->rest, 1);
		if (reader->rest.len == 0)
			return error_set(reader->error, ERROR_INVALID, "closing quote missing");
	}
	return true;
}

/* Appends the local part with quotes if it needs them. */
static void append_local(struct buf *out, struct slice local)
{
	if (is_dot_string(local)) {
		buf_append(out, local);
		return;
	}
	buf_append_char(out, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (local.at[i] == '"' || local.at[i] == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, local.at[i]);
	}
	buf_append_char(out, '"');
}

/* Those exist, and RFC 5321 §4.5.3.1 is for limits that are wide. */
static size_t local_max(struct slice local)
{
	return slice_starts_nocase(local, SLICE("SRS0")) || slice_starts_nocase(local, SLICE("SRS1")) ? ADDRESS_REWRITTEN_MAX : ADDRESS_LOCAL_MAX;
}

static bool take_local(struct reader *reader, struct buf *out)
{
	char room[ADDRESS_REWRITTEN_MAX + 1];
	struct buf local = {.at = room, .capacity = sizeof room, .max = ADDRESS_REWRITTEN_MAX};
	if (!(take(reader, '"') ? take_quoted_string(reader, &local) : take_dotted(reader, &local)))
		return false;
	if (!local.overflow)
		append_local(out, buf_slice(&local));
	size_t max = local_max(buf_slice(&local));
	if (local.overflow || out->len > max)
		return error_set(reader->error, ERROR_LIMIT, "the part before the @ is longer than %zu bytes", max);
	if (!slice_is_ascii(buf_slice(&local)) && !reader->utf8)
		return error_set(reader->error, ERROR_INVALID, "address is not ASCII and SMTPUTF8 was not asked for");
	if (!slice_is_utf8(buf_slice(&local)) || text_has_controls(buf_slice(&local)))
		return error_set(reader->error, ERROR_INVALID, "address is not valid UTF-8");
	return true;
}

static bool is_domain_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || (unsigned char)c >= 0x80;
}

/* Takes a domain or an address literal; which bytes it may hold decides where it ends. The dot of the root isn't kept. */
static bool take_domain(struct reader *reader, struct slice *domain)
{
	size_t len = 0;
	bool literal = reader->rest.len > 0 && reader->rest.at[0] == '[';
	while (len < reader->rest.len) {
		char c = reader->rest.at[len];
		if (literal ? c == ']' : !is_domain_char(c))
			break;
		len++;
	}
	len += literal && len < reader->rest.len;
	*domain = slice_sub(reader->rest, 0, len);
	reader->rest = slice_skip(reader->rest, len);
	domain->len -= len > 1 && !literal && domain->at[len - 1] == '.';
	if (domain->len > ADDRESS_DOMAIN_MAX)
		return error_set(reader->error, ERROR_LIMIT, "domain is longer than %d bytes", ADDRESS_DOMAIN_MAX);
	if (literal ? !domain_is_literal(*domain) : !domain_is_valid(*domain, reader->utf8))
		return error_set(reader->error, ERROR_INVALID, literal ? "not an address literal" : "not a valid domain");
	return true;
}

static bool take_mailbox(struct reader *reader, struct arena *arena, struct slice *address)
{
	char room[ADDRESS_MAX + 1];
	/* One byte of slack for what the quotes add shows as overflow, not as a cut address. */
	struct buf out = {.at = room, .capacity = sizeof room, .max = ADDRESS_MAX - 2};
	struct slice domain;
	if (!take_local(reader, &out))
		return false;
	if (!take(reader, '@'))
		return error_set(reader->error, ERROR_INVALID, "@ and a domain expected after the name");
	if (!take_domain(reader, &domain))
		return false;
	if (!buf_append_char(&out, '@') || !buf_append(&out, domain))
		return error_set(reader->error, ERROR_LIMIT, "address is longer than %d bytes", ADDRESS_MAX - 2);
	*address = arena_copy(arena, buf_slice(&out));
	return true;
}

/* "@one,@two:" in front of the mailbox: must be well-formed, means nothing (RFC 5321 appendix C). */
static bool take_source_route(struct reader *reader)
{
	struct slice ignored;
	if (reader->rest.len == 0 || reader->rest.at[0] != '@')
		return true;
	do {
		if (!take(reader, '@') || !take_domain(reader, &ignored))
			return error_set(reader->error, ERROR_INVALID, "malformed source route");
	} while (take(reader, ','));
	return take(reader, ':') || error_set(reader->error, ERROR_INVALID, "malformed source route");
}

static void skip_blanks(struct reader *reader)
{
	while (reader->rest.len > 0 && (reader->rest.at[0] == ' ' || reader->rest.at[0] == '\t'))
		reader->rest = slice_skip(reader->rest, 1);
}

/* "local@domain" without brackets, up to a blank or the end. */
static bool take_unbracketed(struct reader *reader, struct arena *arena, struct slice *address)
{
	if (!take_mailbox(reader, arena, address))
		return false;
	return reader->rest.len == 0 || reader->rest.at[0] == ' ' || error_set(reader->error, ERROR_INVALID, "unexpected characters in the address");
}

static bool take_bracketed(struct reader *reader, struct arena *arena, struct slice *address)
{
	skip_blanks(reader);
	if (take(reader, '>'))
		return true;
	if (!take_source_route(reader) || !take_mailbox(reader, arena, address))
		return false;
	skip_blanks(reader);
	return take(reader, '>') || error_set(reader->error, ERROR_INVALID, "unexpected characters in the address");
}

bool address_parse_path(struct slice *input, bool utf8, struct arena *arena, struct slice *address, struct error *error)
{
	struct reader reader = {*input, utf8, error};
	*address = slice_make("", 0);
	if (!(take(&reader, '<') ? take_bracketed(&reader, arena, address) : take_unbracketed(&reader, arena, address)))
		return false;
	*input = reader.rest;
	return true;
}

bool address_parse(struct slice text, bool utf8, struct arena *arena, struct slice *address, struct error *error)
{
	struct reader reader = {text, utf8, error};
	if (!take_mailbox(&reader, arena, address))
		return false;
	return reader.rest.len == 0 || error_set(error, ERROR_INVALID, "unexpected characters in the address");
}

void address_split(struct slice address, struct slice *local, struct slice *domain)
{
	size_t at = slice_find_last_char(address, '@');
	*local = slice_sub(address, 0, at);
	*domain = at == SLICE_NONE ? slice_make(NULL, 0) : slice_skip(address, at + 1);
}

/* The local part without quotes and quoted pairs; as it is, if it isn't quoted. */
static struct slice unquote(struct slice local, struct arena *arena)
{
	if (local.len < 2 || local.at[0] != '"' || local.at[local.len - 1] != '"')
		return local;
	char *plain = arena_alloc(arena, local.len);
	size_t len = 0;
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.at[i] == '\\' && i + 2 < local.len)
			i++;
		plain[len++] = local.at[i];
	}
	return slice_make(plain, len);
}

struct slice address_quote(struct slice local, struct arena *arena)
{
	struct buf out = BUF(2 * local.len + 2);
	append_local(&out, local);
	struct slice quoted = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return quoted;
}

struct slice address_canonical(struct slice address, struct arena *arena)
{
	struct slice local, domain;
	address_split(address, &local, &domain);
	local = address_quote(text_lower(unquote(local, arena), arena), arena);
	if (domain.at == NULL)
		return local;
	domain = domain_canonical(domain, arena);
	return arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain));
}
