/* Fuzzing of milters: whatever one says, in whatever pieces, the talk ends, and the message that is left is one: its header is well-formed, its
 * body's lines end with CR LF, and the edits that tell of it lead to the same. The first byte says how the rest is cut. */
#include "engine/internal.h"

#include "message/header.h"

static const char message[] = "Received: from x by us\r\nFrom: ann@example.org\r\nX-A: one\r\nSubject: a\r\n\tb\r\nX-A: two\r\n\r\nHello.\r\n";
enum { HIDDEN = sizeof "Received: from x by us\r\n" - 1, OUT_MAX = 1 << 20 };

static void must(bool held)
{
	if (!held)
		abort();
}

static void must_be_lines(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		must(text.at[i] != '\0');
		if (text.at[i] == '\r')
			must(i + 1 < text.len && text.at[i + 1] == '\n');
		if (text.at[i] == '\n')
			must(i > 0 && text.at[i - 1] == '\r');
	}
}

struct edited {
	struct buf out;
	uint64_t at;
};

static bool take_edit(void *context, const struct engine_edit *edit)
{
	struct edited *edited = context;
	must(edit->at >= edited->at && edit->at >= HIDDEN && edit->at + edit->len < sizeof message);
	buf_append(&edited->out, slice_sub(slice_of(message), (size_t)edited->at, (size_t)(edit->at - edited->at)));
	buf_append(&edited->out, edit->text);
	edited->at = edit->at + edit->len;
	return true;
}

static void must_be_a_message(const struct engine_letter *letter)
{
	struct buf header = BUF(OUT_MAX);
	struct edited edited = {.out = BUF(OUT_MAX)};
	engine_letter_write_header(letter, &header);
	must(header_length(buf_slice(&header)) == header.len && header_is_ended(buf_slice(&header), header.len));
	must_be_lines(buf_slice(&header));
	must_be_lines(letter->body);
	must(engine_letter_edits(letter, take_edit, &edited));
	buf_append(&edited.out, slice_sub(slice_of(message), (size_t)edited.at, (size_t)(letter->header - edited.at)));
	must(slice_equal(buf_slice(&edited.out), buf_slice(&header)));
	buf_free(&edited.out);
	buf_free(&header);
}

static void send_all(struct engine_talk *talk)
{
	struct slice out;
	while ((out = engine_talk_output(talk)).len > 0)
		engine_talk_sent(talk, out.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice recipients[] = {{"bob@example.test", 16}, {"eve@example.test", 16}};
	if (size == 0)
		return 0;
	struct config_engine engine = {.kind = CONFIG_ENGINE_MILTER, .max = 100000};
	struct engine_letter letter;
	engine_letter_begin(&letter, slice_of(message), HIDDEN, SLICE("ann@example.org"), recipients, 2);
	struct engine_mail mail = {.client = SLICE("192.0.2.1"), .helo = SLICE("mx"), .sender = SLICE("ann@example.org"), .length = sizeof message - 1, .letter = &letter};
	struct slice rest = slice_make((const char *)data + 1, size - 1);
	struct engine_talk talk;
	struct engine_result result;
	engine_talk_begin(&talk, &engine, &mail, &result, false);
	for (; rest.len > 0 && !talk.done; rest = slice_skip(rest, (size_t)data[0] + 1)) {
		send_all(&talk);
		engine_talk_input(&talk, slice_sub(rest, 0, (size_t)data[0] + 1));
	}
	engine_talk_ended(&talk);
	must(talk.done && result.outcome < ENGINE_OUTCOMES && letter.recipient_count <= 2 + ENGINE_RECIPIENTS_ADDED_MAX);
	must_be_a_message(&letter);
	engine_talk_free(&talk);
	engine_letter_free(&letter);
	return 0;
}
