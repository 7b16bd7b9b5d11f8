/* What stands twice in the file, though each line of it is right: an option that is set again, so that the first line counts
 * for nothing, and a listener on a port that another has. libConfuse takes both; who reads the file would miss them. The text
 * has no comments any more (config_blank_comments), and libConfuse has understood it. */
#include <netinet/in.h>
#include <string.h>

#include "base/memory.h"
#include "config/config_check.h"
#include "config/config.h"

struct listening {
	const struct option *option;
	struct sockaddr_storage address;
	int line;
};

struct reader {
	struct slice rest;
	int line;
	const char *path;
	int *lines;                 /* by option: where it was set; 0: not yet */
	struct listening *listening; /* grows */
	size_t count;
	struct error *error;
};

/* A word, a quoted text without its quotes, or one of = { } , and + (which stands before =). False at the end. */
static bool next_token(struct reader *reader, struct slice *token)
{
	while (reader->rest.len > 0 && ascii_is_space(reader->rest.at[0])) {
		reader->line += reader->rest.at[0] == '\n';
		reader->rest = slice_skip(reader->rest, 1);
	}
	struct slice rest = reader->rest;
	size_t len = 0;
	if (rest.len == 0)
		return false;
	if (rest.at[0] == '"' || rest.at[0] == '\'') {
		for (len = 1; len < rest.len && rest.at[len] != rest.at[0]; len++) {
			reader->line += rest.at[len] == '\n';
			len += rest.at[len] == '\\';
		}
		*token = slice_sub(rest, 1, len - 1);
		reader->rest = slice_skip(rest, len + 1);
		return true;
	}
	while (len < rest.len && !ascii_is_space(rest.at[len]) && !strchr("={},+\"'", rest.at[len]))
		len++;
	*token = slice_sub(rest, 0, len > 0 ? len : 1);
	reader->rest = slice_skip(rest, token->len);
	return true;
}

static bool is_any(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr) :
						((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static in_port_t port_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port : ((const struct sockaddr_in *)address)->sin_port;
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* Port 0 is whichever is free. */
static bool collide(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return a->ss_family == b->ss_family && port_of(a) != 0 && port_of(a) == port_of(b) && (same_host(a, b) || is_any(a) || is_any(b));
}

static bool note_listener(struct reader *reader, const struct option *option, struct slice text)
{
	struct listening new = {.option = option, .line = reader->line};
	if (option->check != check_listen || !config_parse_listen(text, &new.address))
		return true;
	for (size_t i = 0; i < reader->count; i++)
		if (collide(&reader->listening[i].address, &new.address))
			return error_set(reader->error, ERROR_INVALID, "%s:%d: %s: %.*s is listened on already by %s, line %d", reader->path, new.line, option->name,
					 SLICE_ARG(text), reader->listening[i].option->name, reader->listening[i].line);
	reader->listening = memory_resize(reader->listening, (reader->count + 1) * sizeof *reader->listening);
	reader->listening[reader->count++] = new;
	return true;
}

/* A value, or a list of them in braces. */
static bool read_value(struct reader *reader, const struct option *option)
{
	struct slice token;
	if (!next_token(reader, &token))
		return true;
	if (!slice_equal(token, SLICE("{")))
		return note_listener(reader, option, token);
	while (next_token(reader, &token) && !slice_equal(token, SLICE("}")))
		if (!note_listener(reader, option, token))
			return false;
	return true;
}

static bool note_option(struct reader *reader, const struct option *option, int line, bool adds)
{
	int *former = &reader->lines[option - config_options];
	if (*former != 0 && !adds)
		return error_set(reader->error, ERROR_INVALID, "%s:%d: %s is set already in line %d: take one of the two away", reader->path, line, option->name, *former);
	*former = line;
	return true;
}

static bool read_all(struct reader *reader)
{
	struct slice name, sign;
	while (next_token(reader, &name)) {
		int line = reader->line;
		const struct option *option = config_option(name);
		bool adds = next_token(reader, &sign) && slice_equal(sign, SLICE("+"));
		if (adds)
			next_token(reader, &sign); /* = */
		if (option && (!note_option(reader, option, line, adds) || !read_value(reader, option)))
			return false;
	}
	return true;
}

bool config_check_twice(struct slice text, const char *path, struct error *error)
{
	struct reader reader = {.rest = text, .line = 1, .path = path, .error = error, .lines = memory_array(config_option_count, sizeof *reader.lines)};
	bool done = read_all(&reader);
	free(reader.lines);
	free(reader.listening);
	return done;
}
