/* Fuzzing of what strangers send: command lines, their arguments, and the text of messages in pieces. The first byte chooses.
 * Beside memory errors it looks for broken promises: a message comes out the same however it was cut into pieces. */
#include "base/arena.h"
#include "base/base64.h"
#include "smtp/frame.h"
#include "smtp/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_arguments(struct slice input)
{
	struct arena *arena = arena_new();
	struct smtp_mail_command mail;
	struct smtp_rcpt_command rcpt;
	struct smtp_bdat_command bdat;
	const char *reply = smtp_parse_mail(input, arena, &mail);
	if (!reply && (memchr(mail.envid.at ? mail.envid.at : "", '\n', mail.envid.len) || mail.from.len > 400))
		abort();
	reply = smtp_parse_rcpt(input, true, arena, &rcpt);
	if (!reply && (rcpt.to.len == 0 || (rcpt.original.len > 0 && memchr(rcpt.original.at, '\r', rcpt.original.len))))
		abort();
	smtp_parse_bdat(input, &bdat);
	struct buf out = BUF(4096);
	base64_decode(input, &out);
	buf_free(&out);
	arena_free(&arena);
}

/* Returns how many bytes the message took, with its end; 0: it doesn't end. */
static size_t receive(struct slice wire, size_t piece, struct buf *message)
{
	bool line_start = true, ends = false;
	size_t arrived = 0, consumed = 0;
	while (!ends) {
		if (arrived == wire.len)
			return 0;
		arrived = arrived + piece < wire.len ? arrived + piece : wire.len;
		struct slice text, unit = slice_make(wire.at + consumed, arrived - consumed);
		unit.len = smtp_frame_data(unit, line_start, 0, &ends);
		consumed += unit.len;
		unit.len -= ends ? 3 : 0;
		while (smtp_frame_unstuff(&unit, &line_start, &text))
			buf_append(message, text);
	}
	return consumed;
}

static enum smtp_frame_fault check(struct slice text, size_t piece)
{
	bool after_cr = false;
	uint64_t line = 0;
	enum smtp_frame_fault fault = FRAME_FINE;
	for (size_t at = 0; at < text.len && fault == FRAME_FINE; at += piece)
		fault = smtp_frame_check(slice_sub(text, at, piece), 50, &after_cr, &line);
	return fault;
}

static void mend(struct slice text, size_t piece, struct buf *out)
{
	bool after_cr = false, after_lf = false;
	for (size_t at = 0; at < text.len; at += piece) {
		struct slice bytes = slice_sub(text, at, piece);
		smtp_frame_mend(bytes, true, after_cr, &after_lf, out);
		after_cr = bytes.at[bytes.len - 1] == '\r';
	}
}

/* Mended text has no LF that stands alone, and is the same however it was cut. */
static void fuzz_mending(struct slice text, size_t piece)
{
	struct buf whole = BUF(1 << 20), cut = BUF(1 << 20);
	mend(text, text.len, &whole);
	mend(text, piece, &cut);
	if (!slice_equal(buf_slice(&whole), buf_slice(&cut)) || smtp_frame_needs_mending(buf_slice(&whole), false, false))
		abort();
	buf_free(&whole);
	buf_free(&cut);
}

static void fuzz_text(struct slice wire, size_t piece)
{
	struct buf whole = BUF(1 << 20), cut = BUF(1 << 20);
	if (receive(wire, wire.len, &whole) != receive(wire, piece, &cut) || (whole.len != cut.len && whole.len > 0))
		abort();
	if (whole.len > 0 && memcmp(whole.at, cut.at, whole.len) != 0)
		abort();
	if ((check(wire, wire.len) == FRAME_FINE) != (check(wire, piece) == FRAME_FINE))
		abort();
	buf_free(&whole);
	buf_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 1 << 16)
		return 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	if (data[0] == 0)
		fuzz_arguments(input);
	else {
		fuzz_text(input, data[0]);
		fuzz_mending(input, data[0]);
	}
	return 0;
}
