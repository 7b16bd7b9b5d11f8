/* Prints a document for documents_test.py: documents_fixture NAME ADDRESS SERVICES [CHAIN KEY], where SERVICES are letters: I and i IMAP over TLS and
 * with STARTTLS, P and p POP3, S and s submission. Everything that a plan says as text is the address. */
#include <string.h>

#include "autoconfig/autoconfig.h"
#include "base/file.h"

enum { SERVICES_MAX = 6 };

static const struct { char letter; struct autoconfig_service service; } known[] = {
	{'I', {AUTOCONFIG_IMAP, AUTOCONFIG_TLS, 993}}, {'i', {AUTOCONFIG_IMAP, AUTOCONFIG_STARTTLS, 143}}, {'P', {AUTOCONFIG_POP3, AUTOCONFIG_TLS, 995}},
	{'p', {AUTOCONFIG_POP3, AUTOCONFIG_STARTTLS, 110}}, {'S', {AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS, 465}}, {'s', {AUTOCONFIG_SUBMISSION, AUTOCONFIG_STARTTLS, 587}},
};

static bool sign(const char *chain_path, const char *key_path, struct buf *profile)
{
	struct buf chain = BUF(AUTOCONFIG_DOCUMENT_MAX), key = BUF_SECRET(AUTOCONFIG_DOCUMENT_MAX), out = BUF(AUTOCONFIG_SIGNED_MAX);
	struct error error;
	bool done = file_read(chain_path, &chain, &error) && file_read(key_path, &key, &error) &&
		    autoconfig_sign_profile(buf_slice(profile), buf_slice(&chain), buf_slice(&key), &out, &error);
	buf_free(&chain), buf_free(&key), buf_free(profile);
	*profile = out;
	return done;
}

static bool make(char **words, const struct autoconfig_plan *plan, struct buf *out)
{
	if (strcmp(words[1], "client_config") == 0)
		return autoconfig_write_client_config(plan, out);
	if (strcmp(words[1], "outlook") == 0)
		return autoconfig_write_outlook(plan, out);
	if (strcmp(words[1], "agents") == 0)
		return autoconfig_write_agents(plan, out);
	return autoconfig_write_profile(plan, out) && (!words[4] || sign(words[4], words[5], out));
}

int main(int count, char **words)
{
	struct autoconfig_service services[SERVICES_MAX];
	struct slice address = slice_of(count > 3 ? words[2] : "");
	struct autoconfig_plan plan = {.address = address, .name = address, .person = address, .domain = SLICE("bücher.example"), .domain_ascii = SLICE("xn--bcher-kva.example"),
				       .provider = address, .hostname = SLICE("mail.example.test"), .services = services, .documentation = address};
	struct buf out = BUF(AUTOCONFIG_DOCUMENT_MAX);
	if (count < 4)
		return 2;
	for (const char *letter = words[3]; *letter; letter++)
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (known[i].letter == *letter && plan.service_count < SERVICES_MAX)
				services[plan.service_count++] = known[i].service;
	bool done = make(words, &plan, &out);
	if (done)
		fwrite(out.at, 1, out.len, stdout);
	buf_free(&out);
	return !done;
}
