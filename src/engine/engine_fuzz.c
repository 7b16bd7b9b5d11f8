/* Fuzzing of engines' answers: whatever comes, in whatever pieces, the talk ends, and what it says is printable and bounded. The first byte
 * chooses the protocol and how the rest is cut. Milters, the last kind, have a fuzzer of their own. */
#include "engine/internal.h"

enum { MESSAGE_LENGTH = 3000 };

static void must(bool held)
{
	if (!held)
		abort();
}

static size_t read_message(void *context, uint64_t at, char *out, size_t size)
{
	(void)context;
	must(at + size <= MESSAGE_LENGTH);
	memset(out, 'm', size);
	return size;
}

static void must_be_printable(const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	must(len < size);
	for (size_t i = 0; i < len; i++)
		must(text[i] >= ' ' && text[i] < 0x7f);
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
	if (size == 0)
		return 0;
	struct config_engine engine = {.kind = (enum config_engine_kind)(data[0] % CONFIG_ENGINE_MILTER), .place = SLICE("127.0.0.1:1344"), .service = "avscan"};
	struct engine_mail mail = {.client = SLICE("192.0.2.1"), .helo = SLICE("x\r\nFile: /etc/passwd"), .length = MESSAGE_LENGTH, .read = read_message};
	struct slice rest = slice_make((const char *)data + 1, size - 1);
	size_t piece = data[0] / CONFIG_ENGINE_MILTER + 1;
	struct engine_talk talk;
	struct engine_result result;
	engine_talk_begin(&talk, &engine, &mail, &result, data[0] >> 7);
	must(slice_find(buf_slice(&talk.out), SLICE("\r\nFile:")) == SLICE_NONE);
	for (; rest.len > 0 && !talk.done; rest = slice_skip(rest, piece)) {
		send_all(&talk);
		engine_talk_input(&talk, slice_sub(rest, 0, piece));
	}
	engine_talk_ended(&talk);
	must(talk.done && result.outcome < ENGINE_OUTCOMES && result.symbol_count <= ENGINE_SYMBOLS_MAX);
	must(result.points <= ENGINE_POINTS_MAX && result.points >= -ENGINE_POINTS_MAX);
	must_be_printable(result.text, sizeof result.text);
	must_be_printable(result.action, sizeof result.action);
	for (size_t i = 0; i < result.symbol_count; i++)
		must_be_printable(result.symbols[i].name, sizeof result.symbols[i].name);
	engine_talk_free(&talk);
	return 0;
}
