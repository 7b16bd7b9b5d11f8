/* Unit tests of the documents from which clients set themselves up: what is written is read again, hostile names and all; each fault of a
 * document is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "autoconfig/autoconfig.h"
#include "config/config.h"
#include "xml/xml.h"

/* In another order than clients shall have them. */
static const struct autoconfig_service all[] = {
	{AUTOCONFIG_POP3, AUTOCONFIG_STARTTLS, 110}, {AUTOCONFIG_SUBMISSION, AUTOCONFIG_STARTTLS, 587}, {AUTOCONFIG_IMAP, AUTOCONFIG_STARTTLS, 143},
	{AUTOCONFIG_POP3, AUTOCONFIG_TLS, 995}, {AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS, 465}, {AUTOCONFIG_IMAP, AUTOCONFIG_TLS, 993},
};
static const struct autoconfig_plan usual = {
	.address = SLICE("anna@example.test"), .name = SLICE("anna@example.test"), .person = SLICE("Anna"), .domain = SLICE("example.test"),
	.domain_ascii = SLICE("example.test"), .provider = SLICE("Example"), .hostname = SLICE("mail.example.test"), .services = all,
	.service_count = sizeof all / sizeof *all, .documentation = SLICE("https://example.test/help"),
};

static int make_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int free_arena(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

typedef bool writer(const struct autoconfig_plan *, struct buf *);

static struct slice written(struct arena *arena, writer *write, const struct autoconfig_plan *plan)
{
	struct buf out = BUF(AUTOCONFIG_DOCUMENT_MAX);
	assert_true(write(plan, &out));
	struct slice copy = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return copy;
}

static void holds(struct slice document, const char *text)
{
	if (slice_find(document, slice_of(text)) == SLICE_NONE)
		fail_msg("\"%s\" isn't in\n%.*s", text, SLICE_ARG(document));
}

static void lacks(struct slice document, const char *text)
{
	if (slice_find(document, slice_of(text)) != SLICE_NONE)
		fail_msg("\"%s\" is in\n%.*s", text, SLICE_ARG(document));
}

static void is_server(const struct autoconfig_server *server, enum autoconfig_kind kind, enum autoconfig_security security, unsigned port)
{
	assert_int_equal(server->kind, kind);
	assert_int_equal(server->security, security);
	assert_int_equal(server->port, port);
	assert_true(slice_equal(server->hostname, SLICE("mail.example.test")));
}

/* ---- Thunderbird ---- */

static void thunderbird_gets_all_services_in_their_order(void **state)
{
	static const struct { enum autoconfig_kind kind; enum autoconfig_security security; unsigned port; } order[] = {
		{AUTOCONFIG_IMAP, AUTOCONFIG_TLS, 993}, {AUTOCONFIG_IMAP, AUTOCONFIG_STARTTLS, 143}, {AUTOCONFIG_POP3, AUTOCONFIG_TLS, 995},
		{AUTOCONFIG_POP3, AUTOCONFIG_STARTTLS, 110}, {AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS, 465}, {AUTOCONFIG_SUBMISSION, AUTOCONFIG_STARTTLS, 587},
	};
	struct autoconfig_found found;
	struct error error;
	struct slice document = written(*state, autoconfig_write_client_config, &usual);
	assert_true(autoconfig_read_client_config(document, *state, &found, &error));
	assert_int_equal(found.count, sizeof order / sizeof *order);
	for (size_t i = 0; i < found.count; i++)
		is_server(&found.servers[i], order[i].kind, order[i].security, order[i].port);
	holds(document, "<clientConfig version=\"1.1\">");
	holds(document, "<username>anna@example.test</username>");
	holds(document, "<documentation url=\"https://example.test/help\">");
}

static void who_is_unknown_gets_placeholders(void **state)
{
	struct autoconfig_plan plan = usual;
	plan.address = plan.name = plan.person = plan.documentation = SLICE("");
	struct slice document = written(*state, autoconfig_write_client_config, &plan);
	holds(document, "<username>%EMAILADDRESS%</username>");
	lacks(document, "documentation");
	lacks(written(*state, autoconfig_write_outlook, &plan), "LoginName");
	document = written(*state, autoconfig_write_profile, &plan);
	lacks(document, "EmailAddress<");
	lacks(document, "Username");
}

static void an_idn_stands_there_in_both_forms(void **state)
{
	struct autoconfig_plan plan = usual;
	plan.domain = SLICE("bücher.example");
	plan.domain_ascii = SLICE("xn--bcher-kva.example");
	plan.address = plan.name = SLICE("jürgen@bücher.example");
	plan.provider = SLICE("");
	struct slice document = written(*state, autoconfig_write_client_config, &plan);
	holds(document, "<emailProvider id=\"xn--bcher-kva.example\">\n    <domain>xn--bcher-kva.example</domain>\n    <domain>bücher.example</domain>");
	holds(document, "<displayName>bücher.example</displayName>");
	holds(document, "<username>jürgen@bücher.example</username>");
}

static void names_are_cut_between_characters(void **state)
{
	struct autoconfig_plan plan = usual;
	plan.provider = SLICE("ÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüß");
	struct slice document = written(*state, autoconfig_write_client_config, &plan);
	holds(document, "<displayName>ÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜä</displayName>");
	holds(document, "<displayShortName>ÄÖÜäöüßÄÖÜäöüßÄÖÜäöü</displayShortName>");
}

/* ---- From the configuration ---- */

static struct config *configured(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "pombal.conf", &error);
	if (!config)
		fail_msg("%s", error.text);
	return config;
}

#define LISTENING "hostname = \"mail.example.test\"\nimaps_listen = {\"0.0.0.0:993\"}\nimap_listen = {\"0.0.0.0:1143\"}\nsubmission_listen = {\"[::]:587\"}\n"

static void a_plan_offers_what_people_can_sign_in_to(void **state)
{
	struct autoconfig_plan plan;
	struct config *config = configured(LISTENING "certificates = {\"a b\"}\nhttps_listen = {\"0.0.0.0:443\"}\nprovider_name = \"Die Post\"\n");
	autoconfig_plan_domain(config, SLICE("bücher.example"), *state, &plan);
	assert_int_equal(plan.service_count, 3);
	assert_int_equal(plan.services[0].port, 993);
	assert_int_equal(plan.services[1].security, AUTOCONFIG_STARTTLS);
	assert_int_equal(plan.services[2].kind, AUTOCONFIG_SUBMISSION);
	assert_true(slice_equal(plan.domain_ascii, SLICE("xn--bcher-kva.example")) && slice_equal(plan.hostname, SLICE("mail.example.test")));
	assert_true(slice_equal(plan.provider, SLICE("Die Post")) && plan.documentation.len == 0);
	assert_int_equal(autoconfig_web_port(config), 443);
	config_free(&config);
	config = configured(LISTENING "plaintext_auth = true\nhttps_listen = {\"0.0.0.0:443\"}\n");
	autoconfig_plan_domain(config, SLICE("example.test"), *state, &plan);
	assert_int_equal(plan.service_count, 2); /* not the one over TLS */
	assert_int_equal(plan.services[0].security, AUTOCONFIG_PLAIN);
	assert_int_equal(autoconfig_web_port(config), 0);
	config_free(&config);
	config = configured(LISTENING "http_listen = {\"127.0.0.1:8080\"}\nhttp_proxies = {\"127.0.0.1\"}\n");
	assert_int_equal(autoconfig_web_port(config), 443);
	config_free(&config);
	config = configured(LISTENING);
	autoconfig_plan_domain(config, SLICE("example.test"), *state, &plan);
	assert_int_equal(plan.service_count, 0);
	config_free(&config);
}

/* ---- Hostile names, in all formats ---- */

static void is_well_formed(struct slice document)
{
	struct xml xml;
	struct slice name, text, rest = document;
	size_t doctype = slice_find(document, SLICE("<!DOCTYPE plist"));
	if (doctype != SLICE_NONE)
		rest = slice_skip(document, slice_find(document, SLICE("<plist")));
	xml_begin(&xml, rest);
	while (xml_next(&xml, &name, &text) != XML_END)
		;
	assert_null(xml.fault);
	assert_null(xml.refused);
	assert_int_equal(xml.depth, 0);
	xml_end(&xml);
}

static void no_name_breaks_a_document(void **state)
{
	char longest[254 + 1], text[] = "\"'<&>]]>%s%n\r\n\t\0\x1b[31m\xff😀";
	memset(longest, 'a', sizeof longest - 1);
	memcpy(longest + 64, "@", 1);
	longest[254] = '\0';
	const struct slice names[] = {slice_make(text, sizeof text - 1), slice_of(longest), SLICE("\"<a>\"@example.test"), SLICE("😀@example.test"), SLICE("\xef\xbf\xbf")};
	writer *const writers[] = {autoconfig_write_client_config, autoconfig_write_outlook, autoconfig_write_profile};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct autoconfig_plan plan = {names[i], names[i], names[i], names[i], names[i], names[i], names[i], all, sizeof all / sizeof *all, names[i]};
		for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
			is_well_formed(written(*state, writers[k], &plan));
		struct slice json = written(*state, autoconfig_write_agents, &plan);
		json_t *value = json_loadb(json.at, json.len, 0, NULL);
		assert_non_null(value);
		json_decref(value);
	}
	holds(written(*state, autoconfig_write_outlook, &(struct autoconfig_plan){.address = names[2], .services = all, .service_count = 6}),
	      "<LoginName>&quot;&lt;a&gt;&quot;@example.test</LoginName>");
}

static void what_has_no_room_is_no_document(void **state)
{
	(void)state;
	struct buf out = BUF(100);
	assert_false(autoconfig_write_client_config(&usual, &out));
	buf_free(&out);
}

/* ---- Outlook ---- */

#define ASKED(inside) "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/" \
	"requestschema/2006\">\n  <Request>" inside "</Request></Autodiscover>"
#define WANTED(schema) "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/" schema "</AcceptableResponseSchema>"
#define FROM(address) "<EMailAddress>" address "</EMailAddress>"

static void asks(void **state, const char *document, const char *address, enum autoconfig_schema schema)
{
	struct autoconfig_request request;
	struct error error = {0};
	bool done = autoconfig_read_request(slice_of(document), *state, &request, &error);
	if (!done)
		print_error("%s\n", error.text);
	assert_true(done);
	assert_true(slice_equal(request.address, slice_of(address)));
	assert_int_equal(request.schema, schema);
}

static void refuses(void **state, struct slice document, const char *why)
{
	struct autoconfig_request request;
	struct error error = {0};
	assert_false(autoconfig_read_request(document, *state, &request, &error));
	if (!strstr(error.text, why))
		fail_msg("\"%s\" where \"%s\" was expected", error.text, why);
}

static void outlooks_question_is_read(void **state)
{
	asks(state, ASKED(FROM(" anna@example.test ") WANTED("outlook/responseschema/2006a")), "anna@example.test", AUTOCONFIG_SCHEMA_OUTLOOK);
	asks(state, ASKED(WANTED("outlook/responseschema/2006") FROM("anna@example.test") "<LegacyDN>x</LegacyDN>"), "anna@example.test", AUTOCONFIG_SCHEMA_OUTLOOK);
	asks(state, ASKED(FROM("jürgen@bücher.example") WANTED("mobilesync/responseschema/2006")), "jürgen@bücher.example", AUTOCONFIG_SCHEMA_MOBILE);
	asks(state, ASKED(FROM("a&amp;b@example.test") WANTED("other/responseschema/2006")), "a&b@example.test", AUTOCONFIG_SCHEMA_OTHER);
}

static void any_other_question_is_refused(void **state)
{
	struct buf large = BUF(2 * AUTOCONFIG_REQUEST_MAX);
	while (large.len <= AUTOCONFIG_REQUEST_MAX)
		buf_append(&large, SLICE("<!-- -->"));
	refuses(state, buf_slice(&large), "more than");
	buf_free(&large);
	refuses(state, SLICE(""), "no EMailAddress");
	refuses(state, SLICE("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" ASKED(FROM("&e;"))), "document type");
	refuses(state, SLICE("<Request>" FROM("a@example.test") "</Request>"), "Autodiscover");
	refuses(state, SLICE("<Autodiscover><Other>" FROM("a@example.test") "</Other></Autodiscover>"), "Request");
	refuses(state, SLICE(ASKED(WANTED("outlook/responseschema/2006a"))), "no EMailAddress");
	refuses(state, SLICE(ASKED(FROM("a@example.test"))), "no AcceptableResponseSchema");
	refuses(state, SLICE(ASKED(FROM("a@example.test") FROM("b@example.test") WANTED("outlook/responseschema/2006a"))), "twice");
	refuses(state, SLICE(ASKED(FROM("nobody") WANTED("outlook/responseschema/2006a"))), "");
	refuses(state, SLICE(ASKED(FROM("a@example.test\x01") WANTED("outlook/responseschema/2006a"))), "");
	refuses(state, SLICE(ASKED(FROM("a@ex\xff") WANTED("outlook/responseschema/2006a"))), "UTF-8");
	refuses(state, SLICE(ASKED(FROM("a@example.test") WANTED("outlook/responseschema/2006a")) "<Autodiscover/>"), "root");
	refuses(state, SLICE("<Autodiscover><Request>" FROM("a@example.test") WANTED("outlook/responseschema/2006a")), "ends too early");
}

static void outlook_gets_the_best_of_each_kind(void **state)
{
	struct autoconfig_found found;
	struct error error;
	struct slice answer = written(*state, autoconfig_write_outlook, &usual);
	assert_true(autoconfig_read_outlook(answer, *state, &found, &error));
	assert_int_equal(found.count, 3);
	is_server(&found.servers[0], AUTOCONFIG_IMAP, AUTOCONFIG_TLS, 993);
	is_server(&found.servers[1], AUTOCONFIG_POP3, AUTOCONFIG_TLS, 995);
	is_server(&found.servers[2], AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS, 465);
	holds(answer, "<Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\">");
	holds(answer, "<DisplayName>Anna</DisplayName>");
	struct autoconfig_plan plan = usual;
	plan.service_count = 3; /* those with STARTTLS */
	assert_true(autoconfig_read_outlook(written(*state, autoconfig_write_outlook, &plan), *state, &found, &error));
	is_server(&found.servers[2], AUTOCONFIG_SUBMISSION, AUTOCONFIG_STARTTLS, 587);
	const struct autoconfig_service bare[] = {{AUTOCONFIG_IMAP, AUTOCONFIG_PLAIN, 143}, {AUTOCONFIG_SUBMISSION, AUTOCONFIG_PLAIN, 587}};
	plan.services = bare, plan.service_count = 2;
	assert_true(autoconfig_read_outlook(written(*state, autoconfig_write_outlook, &plan), *state, &found, &error));
	is_server(&found.servers[0], AUTOCONFIG_IMAP, AUTOCONFIG_PLAIN, 143);
}

static void outlook_is_sent_on_or_told_why_not(void **state)
{
	struct autoconfig_found found;
	struct error error;
	struct buf out = BUF(AUTOCONFIG_DOCUMENT_MAX);
	autoconfig_write_outlook_address(SLICE("anna@other.test"), &out);
	assert_true(autoconfig_read_outlook(buf_slice(&out), *state, &found, &error) && slice_equal(found.redirect_address, SLICE("anna@other.test")));
	buf_clear(&out);
	autoconfig_write_outlook_url(SLICE("https://other.test/a?b&c"), &out);
	assert_true(autoconfig_read_outlook(buf_slice(&out), *state, &found, &error) && slice_equal(found.redirect_url, SLICE("https://other.test/a?b&c")));
	buf_clear(&out);
	autoconfig_write_outlook_fault(AUTOCONFIG_FAULT_PROVIDER, usual.hostname, 86400000LL * 20000 + 3723004, &out);
	holds(buf_slice(&out), "<Error Time=\"01:02:03.0040000\" Id=\"");
	assert_false(autoconfig_read_outlook(buf_slice(&out), *state, &found, &error));
	assert_string_equal(error.text, "it says error 601: Provider is not available");
	buf_free(&out);
}

static void outlooks_json_says_where_the_xml_is(void **state)
{
	bool known;
	struct buf out = BUF(AUTOCONFIG_DOCUMENT_MAX);
	(void)state;
	assert_true(autoconfig_write_outlook_json(SLICE("Autodiscoverv1"), usual.hostname, &out, &known) && known);
	assert_string_equal(out.at, "{\"Protocol\":\"AutodiscoverV1\",\"Url\":\"https://mail.example.test/autodiscover/autodiscover.xml\"}");
	buf_clear(&out);
	assert_true(autoconfig_write_outlook_json(SLICE("ActiveSync\"<x>"), usual.hostname, &out, &known) && !known);
	assert_string_equal(out.at, "{\"ErrorCode\":\"InvalidProtocol\",\"ErrorMessage\":\"The given protocol value 'ActiveSync' is invalid. "
				    "Supported values are 'AutodiscoverV1'\"}");
	buf_clear(&out);
	assert_true(autoconfig_write_outlook_json(SLICE(""), usual.hostname, &out, &known) && !known);
	holds(buf_slice(&out), "MandatoryParameterMissing");
	buf_free(&out);
}

/* ---- Apple ---- */

/* The value that follows a key, as it stands there, from `from` on. */
static struct slice value_of(struct slice profile, const char *key, size_t from)
{
	struct slice rest = slice_skip(profile, from);
	size_t at = slice_find(rest, slice_of(key));
	assert_int_not_equal(at, SLICE_NONE);
	rest = slice_skip(rest, at);
	rest = slice_skip(rest, slice_find(rest, SLICE("\n")) + 1);
	return slice_trim(slice_sub(rest, 0, slice_find(rest, SLICE("\n"))));
}

static void apple_gets_one_account(void **state)
{
	struct slice profile = written(*state, autoconfig_write_profile, &usual);
	holds(profile, "<string>EmailTypeIMAP</string>");
	assert_true(slice_equal(value_of(profile, "IncomingMailServerPortNumber", 0), SLICE("<integer>993</integer>")));
	assert_true(slice_equal(value_of(profile, "OutgoingMailServerUseSSL", 0), SLICE("<true/>")));
	assert_true(slice_equal(value_of(profile, "IncomingMailServerUsername", 0), SLICE("<string>anna@example.test</string>")));
	assert_true(slice_starts(value_of(profile, "PayloadIdentifier", 0), SLICE("<string>test.example.mail.profile.")));
	struct autoconfig_plan plan = usual;
	const struct autoconfig_service pop[] = {{AUTOCONFIG_POP3, AUTOCONFIG_TLS, 995}, {AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS, 465}};
	plan.services = pop, plan.service_count = 2;
	holds(written(*state, autoconfig_write_profile, &plan), "<string>EmailTypePOP</string>");
	struct buf out = BUF(AUTOCONFIG_DOCUMENT_MAX);
	plan.service_count = 1;
	assert_false(autoconfig_write_profile(&plan, &out));
	assert_int_equal(out.len, 0);
}

static void the_uuids_stay_and_are_each_accounts_own(void **state)
{
	struct slice profile = written(*state, autoconfig_write_profile, &usual), again = written(*state, autoconfig_write_profile, &usual);
	assert_true(slice_equal(profile, again));
	struct slice whole = value_of(profile, "PayloadUUID", 0), account = value_of(profile, "PayloadUUID", slice_find(profile, SLICE("PayloadContent")));
	assert_false(slice_equal(whole, account));
	assert_int_equal(whole.at[8 + 14], '8'); /* the version, after "<string>" */
	struct autoconfig_plan plan = usual;
	plan.address = SLICE("boris@example.test");
	assert_false(slice_equal(value_of(written(*state, autoconfig_write_profile, &plan), "PayloadUUID", 0), whole));
	plan = usual;
	plan.hostname = SLICE("mx.example.test");
	assert_false(slice_equal(value_of(written(*state, autoconfig_write_profile, &plan), "PayloadUUID", 0), whole));
}

static struct slice pem_of(struct arena *arena, BIO *memory)
{
	char *at;
	long length = BIO_get_mem_data(memory, &at);
	struct slice copy = arena_copy(arena, slice_make(at, (size_t)length));
	BIO_free(memory);
	return copy;
}

/* A certificate of a key, signed by another. */
static X509 *certify(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
	return certificate;
}

static void a_signed_profile_verifies_and_brings_its_chain(void **state)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = certify(ca_key, "A test authority", NULL, ca_key), *own = certify(key, "mail.example.test", ca, ca_key);
	BIO *chain = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(chain, own), PEM_write_bio_X509(chain, ca), PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
	struct slice profile = written(*state, autoconfig_write_profile, &usual), chain_pem = pem_of(*state, chain), key_pem = pem_of(*state, secret);
	struct buf out = BUF(AUTOCONFIG_SIGNED_MAX);
	struct error error = {0};
	assert_true(autoconfig_sign_profile(profile, chain_pem, key_pem, &out, &error));
	BIO *der = BIO_new_mem_buf(out.at, (int)out.len), *content = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = d2i_CMS_bio(der, NULL);
	STACK_OF(X509) *brought = CMS_get1_certs(cms);
	assert_int_equal(sk_X509_num(brought), 2);
	assert_int_equal(CMS_verify(cms, NULL, NULL, NULL, content, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY), 1);
	assert_true(slice_equal(pem_of(*state, content), profile));
	buf_clear(&out);
	BIO *other = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(other, ca_key, NULL, NULL, 0, NULL, NULL);
	assert_false(autoconfig_sign_profile(profile, chain_pem, pem_of(*state, other), &out, &error));
	assert_false(autoconfig_sign_profile(profile, SLICE("nothing"), key_pem, &out, &error));
	assert_string_equal(error.text, "the certificate can't be read");
	assert_false(autoconfig_sign_profile(profile, chain_pem, SLICE(""), &out, &error));
	assert_string_equal(error.text, "the key can't be read");
	sk_X509_pop_free(brought, X509_free), CMS_ContentInfo_free(cms), BIO_free(der);
	X509_free(ca), X509_free(own), EVP_PKEY_free(ca_key), EVP_PKEY_free(key), buf_free(&out);
}

/* ---- PACC ---- */

static void one_document_is_for_all_of_a_domain(void **state)
{
	struct autoconfig_found found;
	struct error error;
	struct autoconfig_plan plan = usual;
	struct slice document = written(*state, autoconfig_write_agents, &usual);
	assert_true(slice_equal(document, SLICE("{\"protocols\":{\"imap\":{\"host\":\"mail.example.test\"},\"pop3\":{\"host\":\"mail.example.test\"},"
						"\"submit\":{\"host\":\"mail.example.test\"}},\"authentication\":{\"password\":true},\"info\":{\"provider\":{\"name\":\"Example\","
						"\"shortName\":\"Example\"},\"help\":{\"documentation\":\"https://example.test/help\"}}}")));
	plan.address = plan.name = plan.person = SLICE("boris");
	assert_true(slice_equal(written(*state, autoconfig_write_agents, &plan), document));
	assert_true(autoconfig_read_agents(document, *state, &found, &error));
	assert_int_equal(found.count, 3);
	is_server(&found.servers[2], AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS, 465);
	const struct autoconfig_service elsewhere[] = {{AUTOCONFIG_IMAP, AUTOCONFIG_TLS, 1993}, {AUTOCONFIG_IMAP, AUTOCONFIG_STARTTLS, 993}};
	plan.services = elsewhere, plan.service_count = 2;
	assert_true(autoconfig_read_agents(SLICE("{\"protocols\":{\"smtp\":{\"host\":\"mail.example.test\"}},\"info\":{\"provider\":{\"name\":\"x\"}}}"), *state, &found, &error));
	assert_int_equal(found.count, 1);
	struct buf out = BUF(AUTOCONFIG_DOCUMENT_MAX);
	assert_false(autoconfig_write_agents(&plan, &out));
	buf_free(&out);
}

static void its_digest_stands_in_the_dns(void **state)
{
	struct buf record = BUF(256);
	(void)state;
	assert_true(autoconfig_write_agents_record(SLICE("abc"), &record)); /* the test vector of FIPS 180-2 */
	assert_string_equal(record.at, "v=UAAC1; a=sha256; d=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
	assert_true(autoconfig_record_matches(buf_slice(&record), SLICE("abc")));
	assert_false(autoconfig_record_matches(buf_slice(&record), SLICE("abd")));
	buf_free(&record);
	assert_true(autoconfig_record_matches(SLICE(" d=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0= ;new=1;A=SHA256;v=uaac1;"), SLICE("abc")));
	assert_false(autoconfig_record_matches(SLICE("v=UAAC1; a=sha256; d=ungW"), SLICE("abc")));
	assert_false(autoconfig_record_matches(SLICE("v=UAAC2; a=sha256; d=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), SLICE("abc")));
	assert_false(autoconfig_is_agents_record(SLICE("v=spf1 -all")));
}

/* ---- Faults of others' documents ---- */

#define CONFIG(inside) "<clientConfig version='1.1'><emailProvider id='example.test'><domain>example.test</domain>" inside "</emailProvider></clientConfig>"
#define SERVER(element, type, inside) "<" element " type='" type "'>" inside "</" element ">"
#define HOST "<hostname>mail.example.test</hostname>"
#define REST "<port>993</port><socketType>SSL</socketType><authentication>password-cleartext</authentication><username>x</username>"
#define OUTGOING SERVER("outgoingServer", "smtp", HOST REST)

typedef bool reader(struct slice, struct arena *, struct autoconfig_found *, struct error *);

static void finds_fault(void **state, reader *read, const char *document, const char *why)
{
	struct autoconfig_found found;
	struct error error = {0};
	assert_false(read(slice_of(document), *state, &found, &error));
	if (!strstr(error.text, why))
		fail_msg("\"%s\" where \"%s\" was expected", error.text, why);
}

/* Passwords come first: who can do both goes on as he did. */
static void programs_are_told_where_they_are_let_in(void **state)
{
	struct autoconfig_found found;
	struct error error;
	struct autoconfig_plan plan = usual;
	plan.issuer = SLICE("https://mail.example.test:8443");
	struct slice document = written(*state, autoconfig_write_client_config, &plan);
	assert_true(slice_find(document, SLICE("<authentication>password-cleartext</authentication>\n      <authentication>OAuth2</authentication>")) != SLICE_NONE);
	assert_true(slice_find(document, SLICE("<oAuth2>\n    <authURL>https://mail.example.test:8443/oauth/authorize</authURL>\n"
					       "    <tokenURL>https://mail.example.test:8443/oauth/token</tokenURL>\n    <issuer>https://mail.example.test:8443</issuer>\n")) != SLICE_NONE);
	assert_true(autoconfig_read_client_config(document, *state, &found, &error));
	assert_true(slice_find(written(*state, autoconfig_write_client_config, &usual), SLICE("OAuth2")) == SLICE_NONE);
	plan.oauth = true;
	assert_true(slice_find(written(*state, autoconfig_write_agents, &plan), SLICE("oauth-public")) == SLICE_NONE); /* nowhere */
	plan.origin = SLICE("https://mail.example.test");
	document = written(*state, autoconfig_write_agents, &plan);
	assert_true(slice_find(document, SLICE("\"jmap\":{\"url\":\"https://mail.example.test/.well-known/jmap\"}},"
					       "\"authentication\":{\"password\":true,\"oauth-public\":{\"issuer\":\"https://mail.example.test\"}},")) != SLICE_NONE);
	plan.oauth = false;
	assert_true(slice_find(written(*state, autoconfig_write_agents, &plan), SLICE("oauth-public")) == SLICE_NONE);
}

static void each_fault_of_a_client_config_is_named(void **state)
{
	reader *read = autoconfig_read_client_config;
	finds_fault(state, read, "<html><body>404</body></html>", "no clientConfig");
	finds_fault(state, read, "<html><br></html>", "not well-formed");
	finds_fault(state, read, "<clientConfig><emailProvider/></clientConfig>", "id is a domain");
	finds_fault(state, read, "<clientConfig><emailProvider id='example.test'><domain>bücher.example</domain></emailProvider></clientConfig>",
		    "domain written in ASCII");
	finds_fault(state, read, CONFIG(""), "no server for incoming");
	finds_fault(state, read, CONFIG(SERVER("incomingServer", "imap", REST) OUTGOING), "without a host name");
	finds_fault(state, read, CONFIG(SERVER("incomingServer", "imap", HOST "<port>x</port>") OUTGOING), "without a port");
	finds_fault(state, read, CONFIG(SERVER("incomingServer", "imap", HOST "<port>993</port><socketType>TLS</socketType>") OUTGOING), "how TLS begins");
	finds_fault(state, read, CONFIG(SERVER("incomingServer", "imap", HOST "<port>993</port><socketType>SSL</socketType>") OUTGOING), "how to sign in");
	finds_fault(state, read, CONFIG(SERVER("incomingServer", "jmap", "<url>https://x.example</url>") OUTGOING), "no server for incoming");
	finds_fault(state, read, CONFIG(SERVER("incomingServer", "imap", HOST REST)), "no server for outgoing");
	struct autoconfig_found found;
	struct error error;
	static const char with_news[] = CONFIG("<new><incomingServer type='imap'/></new>" SERVER("incomingServer", "imap", HOST REST) OUTGOING);
	assert_true(read(slice_of(with_news), *state, &found, &error));
	assert_int_equal(found.count, 2);
}

#define ANSWER(inside) "<Autodiscover><Response><Account>" inside "</Account></Response></Autodiscover>"

static void each_fault_of_other_answers_is_named(void **state)
{
	finds_fault(state, autoconfig_read_outlook, "<html/>", "no answer of Autodiscover");
	finds_fault(state, autoconfig_read_outlook, ANSWER("<Protocol><Type>EXCH</Type><Server>x.example</Server></Protocol>"), "no server for incoming");
	finds_fault(state, autoconfig_read_outlook, ANSWER("<Protocol><Type>IMAP</Type><Server>x.example</Server><Port>993</Port></Protocol>"), "no server for outgoing");
	finds_fault(state, autoconfig_read_outlook, "<Autodiscover><Response><Error><ErrorCode>600</ErrorCode><Message>In&#10;valid</Message></Error></Response>"
		    "</Autodiscover>", "error 600: In valid");
	finds_fault(state, autoconfig_read_agents, "<html/>", "isn't JSON");
	finds_fault(state, autoconfig_read_agents, "{\"info\":{\"provider\":{\"name\":\"x\"}}}", "no server");
	finds_fault(state, autoconfig_read_agents, "{\"protocols\":{\"imap\":{\"host\":\"x.example\"}}}", "name the provider");
	finds_fault(state, autoconfig_read_agents, "[]", "name the provider");
	finds_fault(state, autoconfig_read_agents, "{\"protocols\":{\"imap\":{\"host\":\"a b\"}},\"info\":{\"provider\":{\"name\":\"x\"}}}", "no server");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(thunderbird_gets_all_services_in_their_order), TEST(who_is_unknown_gets_placeholders), TEST(an_idn_stands_there_in_both_forms),
		TEST(names_are_cut_between_characters), TEST(a_plan_offers_what_people_can_sign_in_to), TEST(no_name_breaks_a_document), TEST(what_has_no_room_is_no_document), TEST(outlooks_question_is_read),
		TEST(any_other_question_is_refused), TEST(outlook_gets_the_best_of_each_kind), TEST(outlook_is_sent_on_or_told_why_not),
		TEST(outlooks_json_says_where_the_xml_is), TEST(apple_gets_one_account), TEST(the_uuids_stay_and_are_each_accounts_own),
		TEST(a_signed_profile_verifies_and_brings_its_chain), TEST(one_document_is_for_all_of_a_domain), TEST(its_digest_stands_in_the_dns),
		TEST(programs_are_told_where_they_are_let_in),
		TEST(each_fault_of_a_client_config_is_named), TEST(each_fault_of_other_answers_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
