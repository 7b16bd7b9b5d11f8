/* Fuzzing of what strangers say, by the first byte: a subscription's URL and keys, Retry-After, and what the two roles tell each other. */
#include <assert.h>
#include <string.h>

#include "webpush/webpush.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_url(struct slice input, struct arena *arena)
{
	struct slice origin;
	if (!webpush_url_check(input, arena, &origin))
		return;
	assert(input.len <= WEBPUSH_URL_MAX && slice_is_printable(input) && slice_starts(origin, SLICE("https://")) && origin.len <= input.len);
	assert(slice_find_char(origin, '"') == SLICE_NONE && slice_find_char(origin, '@') == SLICE_NONE && slice_find_char(origin, '/') == sizeof "https:" - 1);
	struct slice host = webpush_origin_host(origin);
	assert(host.len > 0 && host.len <= 253);
	struct slice again;
	assert(webpush_url_check(origin, arena, &again) && slice_equal(again, origin));
}

static void fuzz_keys(struct slice input)
{
	struct webpush_keys keys;
	struct slice point, secret;
	slice_cut(input, ' ', &point, &secret);
	if (!webpush_keys_read(point, secret, &keys))
		return;
	struct buf out = BUF(WEBPUSH_BODY_MAX);
	assert(webpush_encrypt(&keys, input, &out, NULL) && out.len <= WEBPUSH_BODY_MAX && out.len >= input.len + WEBPUSH_OVERHEAD);
	buf_free(&out);
}

static void fuzz_message(struct slice input)
{
	struct webpush_message message;
	if (!webpush_message_decode(input, &message))
		return;
	assert(message.url.len <= WEBPUSH_URL_MAX && message.body.len <= WEBPUSH_BODY_MAX && message.urgency < WEBPUSH_URGENCIES);
	struct buf out = BUF(WEBPUSH_QUESTION_MAX);
	webpush_message_encode(&message, &out);
	assert(!out.overflow && out.len == input.len);
	buf_free(&out);
}

static void fuzz_answer(struct slice input)
{
	struct webpush_answer answer;
	if (webpush_answer_decode(input, &answer))
		assert(answer.status <= 999 && answer.retry_after <= WEBPUSH_RETRY_MAX && answer.why.len <= WEBPUSH_WHY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	struct arena *arena = arena_new();
	enum webpush_urgency urgency;
	switch (data[0] % 5) {
	case 0:
		fuzz_url(input, arena);
		break;
	case 1:
		fuzz_keys(input);
		break;
	case 2:
		fuzz_message(input);
		break;
	case 3:
		fuzz_answer(input);
		break;
	default:
		assert(webpush_retry_after(input, 1700000000) <= WEBPUSH_RETRY_MAX);
		if (webpush_urgency_parse(input, &urgency))
			assert(urgency < WEBPUSH_URGENCIES);
	}
	arena_free(&arena);
	return 0;
}
