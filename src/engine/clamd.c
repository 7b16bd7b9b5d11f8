/* clamd's protocol, as its manual page clamd(8) describes it: within a session (IDSESSION), so that one connection serves many messages,
 * INSTREAM sends the message in pieces with their lengths before them, ended by an empty one. Commands and answers end with a NUL; an
 * answer begins with the number of its command, "3: stream: Eicar-Signature FOUND". No command that names a file is ever sent. */
#include "engine/internal.h"

enum { LENGTH_BYTES = 4 };

void engine_clamd_begin(struct engine_talk *talk)
{
	static const char open[] = "zIDSESSION", stream[] = "zINSTREAM"; /* with their NULs */
	if (!talk->again)
		buf_append(&talk->out, slice_make(open, sizeof open));
	buf_append(&talk->out, slice_make(stream, sizeof stream));
}

/* The length of the piece goes before it, and is known when that was read. */
void engine_clamd_more(struct engine_talk *talk)
{
	static const char nothing[LENGTH_BYTES];
	size_t at = talk->out.len;
	buf_append(&talk->out, slice_make(nothing, sizeof nothing));
	talk->said_all = !engine_give(talk, ENGINE_PIECE);
	size_t length = talk->out.len - at - LENGTH_BYTES;
	for (size_t i = 0; i < LENGTH_BYTES; i++)
		talk->out.at[at + i] = (char)(unsigned char)(length >> 8 * (LENGTH_BYTES - 1 - i));
}

/* Without the number of the command. */
static struct slice without_number(struct slice line)
{
	struct slice number, rest;
	if (slice_cut(line, ':', &number, &rest) && slice_to_number(number, UINT32_MAX, &(uint64_t){0}))
		return slice_trim(rest);
	return line;
}

static void conclude(struct engine_talk *talk, struct slice line, bool last)
{
	static const struct slice found = {" FOUND", 6}, error = {" ERROR", 6}, prefix = {"stream: ", 8};
	bool of_stream = slice_starts(line, prefix);
	struct slice said = of_stream ? slice_skip(line, prefix.len) : line;
	if (of_stream && slice_equal(said, SLICE("OK")))
		engine_conclude(talk, ENGINE_CLEAN, SLICE(""), last);
	else if (of_stream && slice_ends_nocase(said, found) && said.len > found.len)
		engine_conclude(talk, ENGINE_FOUND, slice_sub(said, 0, said.len - found.len), last);
	else if (slice_starts(said, SLICE("INSTREAM size limit exceeded")))
		engine_conclude(talk, ENGINE_SKIPPED, SLICE(ENGINE_TOO_LARGE), false);
	else if (slice_ends_nocase(said, error))
		engine_conclude(talk, ENGINE_ERROR, slice_trim(slice_sub(said, 0, said.len - error.len)), false);
	else
		engine_fail(talk, "it doesn't answer like clamd");
}

void engine_clamd_understand(struct engine_talk *talk, bool ended)
{
	struct slice line, rest;
	(void)ended; /* an answer without its NUL may be half of one */
	if (slice_cut(buf_slice(&talk->in), '\0', &line, &rest))
		conclude(talk, without_number(slice_trim(line)), rest.len == 0);
	else if (talk->in.len > ENGINE_HEAD_MAX)
		engine_fail(talk, "its answer is too long");
}
