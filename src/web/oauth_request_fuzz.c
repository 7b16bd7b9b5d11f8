/* libFuzzer: any bytes as a query or a form of OAuth. What is read of it is within its bounds; what is written of that again says the same, and nothing else. */
#include <assert.h>

#include "http/http.h"
#include "web/oauth_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(struct slice text, struct arena *arena)
{
	struct buf encoded = BUF(3 * OAUTH_FORM_MAX + 8), html = BUF(6 * OAUTH_FORM_MAX);
	struct slice again;
	buf_append_text(&encoded, "x=");
	web_oauth_put_encoded(&encoded, text);
	assert(slice_is_printable(buf_slice(&encoded)));
	assert(http_query_find(buf_slice(&encoded), "x", arena, &again) && slice_equal(again, text));
	web_oauth_put_html(&html, text);
	for (size_t i = 0; i < html.len; i++)
		assert(html.at[i] != '<' && html.at[i] != '>' && html.at[i] != '"' && html.at[i] != '\'');
	buf_free(&encoded);
	buf_free(&html);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct web_oauth_request request;
	if (size > OAUTH_FORM_MAX)
		size = OAUTH_FORM_MAX;
	web_oauth_request_read(slice_make((const char *)data, size), arena, &request);
	assert(request.state.len <= OAUTH_STATE_MAX && request.redirect_uri.len <= AUTH_REDIRECT_MAX && request.client_id.len <= AUTH_CLIENT_ID_MAX);
	assert(request.resource.len <= OAUTH_RESOURCES_MAX + OAUTH_RESOURCE_MAX + 1);
	if (!web_oauth_request_check(&request, SLICE("mail.example.test"), SLICE("other.example.test")))
		assert(request.scopes != 0 && !(request.scopes & AUTH_MAY_MANAGE) && request.code_challenge.len == AUTH_CHALLENGE_SIZE && !request.twice);
	check_written(request.state, arena);
	struct buf policy = BUF(1024);
	if (auth_redirect_is_native(request.redirect_uri)) {
		web_oauth_put_form_action(&policy, request.redirect_uri);
		assert(slice_is_printable(buf_slice(&policy)) && slice_find_char(buf_slice(&policy), ';') == SLICE_NONE && slice_find_char(buf_slice(&policy), ',') == SLICE_NONE);
	}
	buf_free(&policy);
	arena_free(&arena);
	return 0;
}
