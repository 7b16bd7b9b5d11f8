/* ICAP (RFC 3507): the message is shown as the body of an HTTP response that a service may modify (RESPMOD, §4.9). First a preview (§4.5); the
 * server says "204", all is well (§4.6), or "100 Continue", and gets the rest, or 200 with what is to take the message's place: a page that says
 * 403, usually, and fields that name the infection. What was merely copied is fine. A connection that has heard 204 serves again. */
#include "engine/internal.h"

void engine_icap_begin(struct engine_talk *talk)
{
	static const char request[] = "GET /message HTTP/1.1\r\nHost: pombal\r\n\r\n";
	char response[160];
	unsigned long long length = talk->mail->length, preview = length < ENGINE_PREVIEW ? length : ENGINE_PREVIEW;
	int response_length = snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Type: message/rfc822\r\nContent-Length: %llu\r\n\r\n", length);
	struct slice host = talk->engine->address.ss_family == AF_UNIX ? SLICE("localhost") : talk->engine->place;
	const char *path = talk->engine->service + (talk->engine->service[0] == '/');
	buf_printf(&talk->out, "RESPMOD icap://%.*s/%s ICAP/1.0\r\nHost: %.*s\r\nUser-Agent: pombal\r\nAllow: 204\r\n", SLICE_ARG(host), path, SLICE_ARG(host));
	if (talk->mail->client.len > 0) {
		buf_append(&talk->out, SLICE("X-Client-IP: "));
		engine_append_line(&talk->out, talk->mail->client);
		buf_append(&talk->out, SLICE("\r\n"));
	}
	buf_printf(&talk->out, "Preview: %llu\r\nEncapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n%s%s", preview, sizeof request - 1,
		   sizeof request - 1 + (size_t)response_length, request, response);
}

/* Appends a chunk; its size is known when it was read. */
static bool give_chunk(struct engine_talk *talk, size_t most)
{
	static const char placeholder[] = "00000000\r\n";
	char size[sizeof placeholder];
	size_t at = talk->out.len;
	buf_append(&talk->out, slice_make(placeholder, sizeof placeholder - 1));
	if (!engine_give(talk, most)) {
		talk->out.len = at;
		return false;
	}
	snprintf(size, sizeof size, "%08zx", talk->out.len - at - (sizeof placeholder - 1));
	memcpy(talk->out.at + at, size, 8);
	buf_append(&talk->out, SLICE("\r\n"));
	return true;
}

void engine_icap_more(struct engine_talk *talk)
{
	bool shown = talk->given > 0;
	if (shown && !talk->continued)
		return;
	if (!shown) {
		give_chunk(talk, ENGINE_PREVIEW);
		talk->said_all = talk->given == talk->mail->length;
		buf_append(&talk->out, talk->said_all ? SLICE("0; ieof\r\n\r\n") : SLICE("0\r\n\r\n"));
	} else if (!give_chunk(talk, ENGINE_PIECE)) {
		talk->said_all = true;
		buf_append(&talk->out, SLICE("0\r\n\r\n"));
	}
}

/* ---- The answer ---- */

/* "Type=0; Resolution=2; Threat=Eicar-Signature;" */
static struct slice threat_of(struct slice infection)
{
	static const struct slice name = {"Threat=", 7};
	struct slice part, rest = infection;
	while (rest.len > 0) {
		slice_cut(rest, ';', &part, &rest);
		part = slice_trim(part);
		if (slice_starts_nocase(part, name))
			return slice_skip(part, name.len);
	}
	return infection;
}

/* Empty: nothing was found. */
static struct slice infection_of(const struct engine_head *head)
{
	struct slice virus = engine_head_field(head, SLICE("X-Virus-ID")), infection = engine_head_field(head, SLICE("X-Infection-Found"));
	struct slice violations = engine_head_field(head, SLICE("X-Violations-Found"));
	if (infection.len > 0)
		return threat_of(infection);
	return virus.len > 0 ? virus : violations.len > 0 && !slice_equal(violations, SLICE("0")) ? SLICE("X-Violations-Found") : SLICE("");
}

/* What takes the message's place: itself, or something else. */
static void judge_replacement(struct engine_talk *talk, const struct engine_head *head)
{
	struct engine_head replacement;
	char text[ENGINE_TEXT_MAX];
	if (!slice_starts(engine_head_field(head, SLICE("Encapsulated")), SLICE("res-hdr=0"))) {
		engine_fail(talk, "its answer is not a response");
		return;
	}
	enum engine_head_state state = engine_read_head(slice_skip(buf_slice(&talk->in), head->length), &replacement);
	if (state == ENGINE_HEAD_PENDING)
		return;
	if (state == ENGINE_HEAD_BROKEN || !slice_starts(replacement.protocol, SLICE("HTTP/"))) {
		engine_fail(talk, "its answer is not a response");
		return;
	}
	snprintf(text, sizeof text, "HTTP %u", replacement.status);
	engine_conclude(talk, replacement.status == 200 ? ENGINE_CLEAN : ENGINE_FOUND, replacement.status == 200 ? SLICE("") : slice_of(text), false);
}

static void go_on(struct engine_talk *talk, const struct engine_head *head)
{
	if (talk->continued || talk->said_all || talk->given == 0 || talk->out.len > 0) {
		engine_fail(talk, "it wants more when there is nothing more");
		return;
	}
	talk->continued = true;
	buf_consume(&talk->in, head->length);
	if (talk->in.len > 0)
		engine_icap_understand(talk, false);
}

static void fail_with_status(struct engine_talk *talk, const struct engine_head *head)
{
	char text[ENGINE_TEXT_MAX];
	snprintf(text, sizeof text, "ICAP %u %.*s", head->status, (int)(head->reason.len < 100 ? head->reason.len : 100), head->reason.at ? head->reason.at : "");
	engine_fail(talk, text);
}

void engine_icap_understand(struct engine_talk *talk, bool ended)
{
	struct engine_head head;
	enum engine_head_state state = engine_read_head(buf_slice(&talk->in), &head);
	(void)ended;
	if (state == ENGINE_HEAD_PENDING)
		return;
	if (state == ENGINE_HEAD_BROKEN || !slice_starts(head.protocol, SLICE("ICAP/1."))) {
		engine_fail(talk, "it doesn't answer like an ICAP server");
		return;
	}
	struct slice infection = infection_of(&head);
	if (head.status == 100)
		go_on(talk, &head);
	else if (head.status != 200 && head.status != 204)
		fail_with_status(talk, &head);
	else if (infection.len > 0)
		engine_conclude(talk, ENGINE_FOUND, infection, false);
	else if (head.status == 200)
		judge_replacement(talk, &head);
	else {
		talk->said_all = talk->said_all || !talk->continued; /* after the preview it wants no more */
		engine_conclude(talk, ENGINE_CLEAN, SLICE(""), talk->in.len == head.length && !slice_equal_nocase(engine_head_field(&head, SLICE("Connection")), SLICE("close")));
	}
}
