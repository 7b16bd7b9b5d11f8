/* IMAP dialogues (tests/transcripts/imap/, see testing/transcript.h) against a real store; only the auth client is a stand-in
 * (auth_fake.c). A server offers TLS only where its transcript has a step T. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/config.h"
#include "imap/imap.h"
#include "testing/transcript.h"
#include "store/store.h"

static struct imap_service service;

static void *start(struct transcript *transcript, const char *data, struct slice text, bool *implicit_tls, bool *offers_tls)
{
	(void)transcript, (void)implicit_tls;
	struct error error;
	struct store_options options = {.data = data, .max_message = (uint64_t)config_current()->max_message, .undelete_seconds = 3600};
	*offers_tls = slice_find(text, SLICE("\nT:")) != SLICE_NONE;
	service = (struct imap_service){.store = store_open(&options, &error)};
	assert_non_null(service.store);
	assert_true(store_create_account(service.store, SLICE("alice@example.test"), &error));
	return &service;
}

static void stop(void)
{
	store_close(&service.store);
}

int main(int argc, char **argv)
{
	static const struct transcript_protocol protocol = {
		.name = "imap", .protocol = &imap_protocol, .configuration = "plaintext_auth = true\n", .start = start, .stop = stop,
	};
	return transcript_main(argc, argv, &protocol);
}
