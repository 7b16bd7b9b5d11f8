/* Whole deliveries over TLS, and signing in to a smarthost. */
#include "courier/delivery_fixture.h"

static struct smtp_fake *serve_tls(const char *extensions, bool implicit, const struct smtp_fake_rule *rules, size_t count)
{
	snprintf(t.certificate, sizeof t.certificate, "%s/fake.pem", t.data);
	smtp_fake_certificate(t.certificate, "smart.test");
	return smtp_fake_start(&(struct smtp_fake_options){.extensions = extensions, .certificate = t.certificate, .implicit_tls = implicit,
							   .rules = rules, .rule_count = count});
}

static void tls_is_used_when_offered(void **state)
{
	(void)state;
	/* What is said in clear text after 220 is dropped. */
	t.server = serve_tls("STARTTLS\nPIPELINING", false, NULL, 0);
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "EHLO"), 2);
	assert_int_equal(smtp_fake_connections(t.server), 1);
}

static void broken_tls_is_done_without(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "220 go\r\ngarbage garbage", 0}));
	configure("retry_schedule = {\"1h\"}\nreply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_connections(t.server), 2);
}

static void starttls_fails(const char *reply, size_t connections)
{
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", reply, 0}));
	configure("retry_schedule = {\"1h\"}\nreply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_connections(t.server), connections);
	stop(); /* with it goes the idle session */
	size_t heard = smtp_fake_heard(t.server, "STARTTLS");
	assert_int_equal(heard, 1);
	smtp_fake_stop(&t.server);
	end(NULL);
	begin(NULL);
}

static void starttls_may_fail_in_any_way(void **state)
{
	(void)state;
	starttls_fails("(close)", 2);
	starttls_fails("(silence)", 2);
	starttls_fails("what?", 2);
	starttls_fails("421 4.3.2 not today", 2);
	starttls_fails("250-a\r\n550 b", 2);
	starttls_fails("454 4.7.0 no TLS", 1);
	starttls_fails("554 5.7.0 no TLS", 1);
	starttls_fails("250 which is no answer", 1);
	starttls_fails("220 ready\r\n(but I am not)", 2);
}

static void hosts_with_broken_tls_are_remembered(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "(close)", 0}, {"(data)", "421 4.3.2 taken, and good bye", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_heard(t.server, "(data)") >= 3);
	assert_int_equal(smtp_fake_heard(t.server, "STARTTLS"), 1);
}

static void tls_that_is_demanded_is_waited_for(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "(close)", 2}, {"STARTTLS", "454 no", 1}, {"MAIL", "530 5.7.0 Must issue STARTTLS", 3}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "STARTTLS"), 4); /* tried again each time */
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void required_tls_is_not_done_without(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "(close)", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0); /* goes in clear text, and leaves an idle session */
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .require_tls = true}, hello, TO({"carol@far.test", 0, NULL}));
	eventually(smtp_fake_heard(t.server, "STARTTLS") >= 3);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(waiting(), 1);
}

static void use_smarthost(const char *mode)
{
	char text[400], path[300];
	snprintf(path, sizeof path, "%s/password", t.data);
	assert_true(file_replace(path, SLICE("secret\n"), 0600, NULL));
	snprintf(text, sizeof text, "smarthost = \"smart.test:%d\"\nsmarthost_user = \"alice\"\nsmarthost_password_file = \"password\"\nsmarthost_tls = %s\n",
		 smtp_fake_port(t.server), mode);
	configure(text);
}

static void smarthosts_are_signed_in_to(void **state)
{
	(void)state;
	t.server = serve_tls("AUTH PLAIN\nPIPELINING", true, RULES({"AUTH PLAIN AGFsaWNlAHNlY3JldA==", "235 2.7.0 welcome", 0}, {"AUTH", "535 5.7.8 no", 0}));
	assert_true(client_trust(t.certificate, NULL));
	use_smarthost("implicit");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"carol@far.test", 0, NULL}, {"dave@null.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT"), 2);
}

static void login_works_as_well(void **state)
{
	(void)state;
	t.server = serve_tls("STARTTLS\nAUTH LOGIN", false, RULES({"AUTH LOGIN", "334 VXNlcm5hbWU6", 0}, {"YWxpY2U=", "334 UGFzc3dvcmQ6", 0}, {"c2VjcmV0", "235 ok", 0}));
	assert_true(client_trust(t.certificate, NULL));
	use_smarthost("starttls");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void scram_is_preferred(void **state)
{
	(void)state;
	snprintf(t.certificate, sizeof t.certificate, "%s/fake.pem", t.data);
	smtp_fake_certificate(t.certificate, "smart.test");
	assert_true(client_trust(t.certificate, NULL));
	t.server = smtp_fake_start(&(struct smtp_fake_options){.extensions = "STARTTLS\nAUTH PLAIN SCRAM-SHA-256", .certificate = t.certificate, .scram_password = "secret"});
	use_smarthost("starttls");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH PLAIN"), 0);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH SCRAM-SHA-256"), 1);
}

static void passwords_need_trusted_tls(void **state)
{
	(void)state;
	t.server = serve_tls("STARTTLS\nAUTH PLAIN", false, NULL, 0); /* this certificate nobody trusts */
	use_smarthost("starttls");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_connections(t.server) >= 2);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH"), 0);
	assert_int_equal(smtp_fake_messages(t.server), 0);
	assert_int_equal(waiting(), 1);
}

static void unverified_tls_may_be_allowed(void **state)
{
	(void)state;
	t.server = serve_tls("STARTTLS\nAUTH PLAIN", false, RULES({"AUTH", "235 ok", 0}));
	use_smarthost("opportunistic\nsmarthost_unverified_password = yes");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void no_password_in_clear_text(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "AUTH PLAIN LOGIN", NULL, 0);
	use_smarthost("opportunistic\nsmarthost_unverified_password = yes");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_connections(t.server) >= 2);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH"), 0);
	assert_int_equal(smtp_fake_messages(t.server), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(tls_is_used_when_offered),
		CASE(broken_tls_is_done_without),
		CASE(starttls_may_fail_in_any_way),
		CASE(hosts_with_broken_tls_are_remembered),
		CASE(tls_that_is_demanded_is_waited_for),
		CASE(required_tls_is_not_done_without),
		CASE(passwords_need_trusted_tls),
		CASE(smarthosts_are_signed_in_to),
		CASE(login_works_as_well),
		CASE(scram_is_preferred),
		CASE(unverified_tls_may_be_allowed),
		CASE(no_password_in_clear_text),
	};
	int failed = cmocka_run_group_tests_name("secure", tests, NULL, NULL);
	config_free_all();
	return failed;
}
