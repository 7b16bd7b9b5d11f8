/* Unit tests of the directory: passwords, names at sign-in, identities. */
#include "auth/directory_fixture.h"

static void passwords_are_kept_as_hashes(void **state)
{
	struct fixture *f = *state;
	struct auth_credentials before, after, ghost, again;
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE(""), &f->error));
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("a\0b"), &f->error));
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("bell\a"), &f->error));
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("\xff\xfe"), &f->error));
	assert_int_equal(f->error.kind, ERROR_INVALID);
	assert_false(directory_set_password(f->directory, SLICE("ghost@example.test"), SLICE("secret"), &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_true(directory_set_password(f->directory, SLICE("Alice@example.test"), SLICE("\U0001f426 geheim"), &f->error));
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("ge\u00adheim"), &f->error));
	assert_true(directory_credentials(f->directory, SLICE("alice@example.test"), f->arena, &before, &f->error));
	assert_true(before.known && slice_starts(before.password, SLICE("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_true(password_verify(before.password, SLICE("geheim"))); /* SASLprep has mapped the soft hyphen to nothing */
	assert_false(password_verify(before.password, SLICE("Geheim")));
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = true}, &f->error));
	assert_true(directory_credentials(f->directory, SLICE("alice@example.test"), f->arena, &after, &f->error));
	assert_true(after.version != before.version && slice_equal(after.password, before.password));
	/* A stranger gets a salt, and always the same one. */
	assert_true(directory_credentials(f->directory, SLICE("ghost@example.test"), f->arena, &ghost, &f->error));
	directory_close(&f->directory);
	f->directory = directory_open_in(f->folder.path, f->storage, &f->error);
	assert_true(directory_credentials(f->directory, SLICE("ghost@example.test"), f->arena, &again, &f->error));
	assert_true(!ghost.known && ghost.salt.len == SCRAM_SALT_SIZE && slice_equal(ghost.salt, again.salt));
	assert_int_equal(ghost.iterations, before.iterations);
}

static void hashes_beyond_limits_are_not_computed(void **state)
{
	(void)state;
	assert_false(password_verify(SLICE("$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA"), SLICE("x")));
	assert_false(password_verify(SLICE("$argon2id$v=19$m=65536,t=1000,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA"), SLICE("x")));
	assert_false(password_verify(SLICE("$argon2id$v=19$"), SLICE("x")));
	assert_false(password_verify(SLICE(""), SLICE("x")));
	char foreign[ENCODED_HASH_MAX]; /* with other parameters than ours */
	assert_int_equal(argon2id_hash_encoded(1, 64, 2, "x", 1, "saltsalt", 8, 24, foreign, sizeof foreign), ARGON2_OK);
	assert_true(password_verify(slice_of(foreign), SLICE("x")));
	assert_false(password_verify(slice_of(foreign), SLICE("y")));
	char decoy[ENCODED_HASH_MAX];
	password_decoy(decoy);
	assert_false(password_verify(slice_of(decoy), SLICE("x")));
}

static void configure(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	config_set_current(config);
}

static void names_at_sign_in(void **state)
{
	struct fixture *f = *state;
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("ALICE@alias.test"), f->arena), SLICE("alice@example.test")));
	assert_true(slice_empty(directory_sign_in_name(f->directory, SLICE("al\0ice"), f->arena)));
	/* The only one of that name, in whatever domain; two of them, or none, are nobody, with a name that can be nobody's. */
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("Alice"), f->arena), SLICE("alice@example.test")));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("carol"), f->arena), SLICE("carol@second.test")));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@second.test"), .enabled = true}, &f->error));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("Alice"), f->arena), SLICE("alice")));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("nobody"), f->arena), SLICE("nobody")));
	configure("default_domain = second.test");
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("Alice"), f->arena), SLICE("alice@second.test")));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("bob"), f->arena), SLICE("bob@example.test")));
	configure("default_domain = alias.test");
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("alice"), f->arena), SLICE("alice@example.test")));
	configure("");
}

static struct auth_credentials credentials_of(struct fixture *f, const char *name)
{
	struct auth_credentials credentials;
	assert_true(directory_credentials(f->directory, S(name), f->arena, &credentials, &f->error));
	return credentials;
}

#define SHA512_CRYPT "$6$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr."

static bool has(struct fixture *f, const char *hash)
{
	bool same = false;
	assert_true(directory_has_hash(f->directory, SLICE("alice@example.test"), S(hash), &same, &f->error));
	return same;
}

/* An imported hash, its replacement by our own, and what a second import sees. */
static void hashes_come_along(void **state)
{
	struct fixture *f = *state;
	struct slice alice = SLICE("alice@example.test");
	struct password_keys keys;
	bool scram;
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && scram);
	assert_true(directory_set_hash(f->directory, alice, SLICE(SHA512_CRYPT), NULL, &f->error));
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && !scram);
	struct auth_account_entry entry = {.name = alice};
	assert_true(directory_set_account(f->directory, &entry, &f->error));
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && scram); /* nobody signs in to what is disabled */
	entry.enabled = true;
	assert_true(directory_set_account(f->directory, &entry, &f->error));
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && !scram);
	struct auth_credentials imported = credentials_of(f, "alice@example.test");
	assert_true(imported.known && imported.imported && password_verify(imported.password, SLICE("wonderland")));
	assert_true(has(f, SHA512_CRYPT) && !has(f, "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ="));
	assert_true(password_derive(SLICE("wonderland"), imported.salt, &keys));
	assert_true(directory_renew_password(f->directory, alice, imported.version + 1, &keys, &f->error)); /* another version: nothing happens */
	assert_true(credentials_of(f, "alice@example.test").imported);
	assert_true(directory_renew_password(f->directory, alice, imported.version, &keys, &f->error));
	struct auth_credentials own = credentials_of(f, "alice@example.test");
	assert_true(!own.imported && slice_starts(own.password, SLICE("$argon2id$")) && password_verify(own.password, SLICE("wonderland")));
	assert_int_equal(own.identity, imported.identity); /* who is signed in stays so */
	assert_true(slice_equal(own.salt, imported.salt) && own.iterations == imported.iterations); /* strangers see no difference */
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && scram);
	assert_true(has(f, SHA512_CRYPT)); /* a second import leaves it, also when the password is another by now */
	assert_true(directory_set_password(f->directory, alice, SLICE("looking-glass"), &f->error));
	assert_true(has(f, SHA512_CRYPT));
	/* Without a salt, and in the clear. */
	assert_true(directory_set_hash(f->directory, alice, SLICE("{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ="), NULL, &f->error));
	assert_true(has(f, "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=") && !has(f, SHA512_CRYPT));
	assert_true(directory_set_hash(f->directory, alice, SLICE("{PLAIN}wonderland"), NULL, &f->error));
	assert_true(has(f, "{PLAIN}wonderland") && has(f, "{CLEAR.hex}776f6e6465726c616e64") && !has(f, "{PLAIN}Wonderland"));
	assert_false(credentials_of(f, "alice@example.test").imported);
	assert_false(directory_set_hash(f->directory, alice, SLICE("{NTLM}5835048ce94ad0564e29a924a03510ef"), NULL, &f->error));
	assert_false(directory_set_hash(f->directory, SLICE("nobody@example.test"), SLICE(SHA512_CRYPT), NULL, &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
}

/* As many unknown names cost what an imported hash costs as accounts do, each always the same. */
static void unknown_names_cost_what_accounts_do(void **state)
{
	struct fixture *f = *state;
	enum { NAMES = 400 };
	assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), SLICE(SHA512_CRYPT), NULL, &f->error));
	assert_true(directory_set_password(f->directory, SLICE("bob@example.test"), SLICE("builder"), &f->error));
	int imported = 0;
	for (int i = 0; i < NAMES; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%d@example.test", i);
		struct auth_credentials once = credentials_of(f, name), again = credentials_of(f, name);
		assert_true(!once.known && once.imported == again.imported && slice_equal(once.salt, again.salt));
		assert_true(slice_starts(once.password, once.imported ? SLICE("$6$saltsalt$") : SLICE("$argon2id$")));
		imported += once.imported;
	}
	assert_in_range(imported, NAMES / 4, 3 * NAMES / 4);
	/* Keys that came along are shown to strangers with their rounds: those of unknown names, too. */
	assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), SLICE("{SCRAM-SHA-256}4096,c2FsdHNhbHQ=,mxRGgNCky0Hiz7O3ncpqBt5EGKzXDjEegs0yAsiDFDc=,"
		"lWtoIsjTMD/Y67qC8KmDvl82JDbcCxJfVAvSjOBJ0Hg="), NULL, &f->error));
	int fewer = 0;
	for (int i = 0; i < NAMES; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%d@example.test", i);
		struct auth_credentials credentials = credentials_of(f, name);
		assert_true(credentials.iterations == SCRAM_ITERATIONS ? credentials.salt.len == SCRAM_SALT_SIZE : credentials.salt.len == 8);
		fewer += credentials.iterations == 4096;
	}
	assert_in_range(fewer, NAMES / 4, 3 * NAMES / 4);
}

static void wire_reading_is_strict(void **state)
{
	(void)state;
	struct buf datagram = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&datagram, SLICE("abc"));
	wire_put_number(&datagram, 5);
	struct wire_reader reader = {.rest = buf_slice(&datagram)};
	struct wire_reader again = reader;
	assert_true(slice_equal(wire_text(&reader, 3), SLICE("abc")));
	assert_false(wire_end(&reader));
	assert_int_equal(wire_number(&reader, 5), 5);
	assert_true(wire_end(&reader));
	assert_int_equal(wire_text(&again, 2).len, 0);
	assert_true(again.broken && !wire_end(&again));
	assert_int_equal(wire_number(&again, UINT64_MAX), 0);
	for (size_t cut = 0; cut < datagram.len; cut++) {
		struct wire_reader part = {.rest = slice_sub(buf_slice(&datagram), 0, cut)};
		wire_text(&part, 3);
		wire_number(&part, 5);
		assert_false(wire_end(&part));
	}
	buf_free(&datagram);
}

static void an_identity_is_an_account_with_its_password(void **state)
{
	struct fixture *f = *state;
	struct auth_account_entry alice = {.name = SLICE("alice@example.test"), .enabled = true};
	const char *name = "alice@example.test";
	identity_of(f, "nobody@example.test", "no such account");
	identity_of(f, name, "the account has no password");
	assert_true(directory_set_password(f->directory, S(name), S("one"), &f->error));
	int64_t first = identity_of(f, name, "");
	alice.display_name = S("Alice");
	alice.quota_bytes = 1000;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_int_equal(identity_of(f, name, ""), first);
	assert_true(directory_set_password(f->directory, S(name), S("one"), &f->error));
	int64_t second = identity_of(f, name, "");
	assert_int_not_equal(second, first);
	alice.enabled = false;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	identity_of(f, name, "the account is disabled");
	alice.enabled = true;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	int64_t third = identity_of(f, name, "");
	assert_true(third != first && third != second);
	assert_true(directory_remove_account(f->directory, S(name), &f->error));
	assert_true(directory_add_account(f->directory, &alice, &f->error));
	assert_true(directory_set_password(f->directory, S(name), S("one"), &f->error));
	int64_t fourth = identity_of(f, name, "");
	assert_true(fourth != first && fourth != second && fourth != third);
}

static void changes_are_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t at, late;
	struct auth_account_entry alice = {.name = SLICE("Alice@example.test"), .enabled = true};
	assert_true(directory_last_change(f->directory, &at, &f->error));
	late = at;
	assert_string_equal(changed_after(f, &at), "");
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_true(directory_set_password(f->directory, S("BOB@example.test"), S("x"), &f->error));
	assert_true(directory_remove_account(f->directory, S("carol@second.test"), &f->error));
	assert_false(directory_remove_account(f->directory, S("carol@second.test"), &f->error));
	assert_false(directory_set_password(f->directory, S("carol@second.test"), S("x"), &f->error));
	assert_string_equal(changed_after(f, &at), "alice@example.test bob@example.test carol@second.test");
	assert_string_equal(changed_after(f, &at), "");
	assert_true(db_begin(f->directory->db, &f->error));
	struct db_statement *more = db_prepare(f->directory->db, "UPDATE change SET number = number + $1");
	db_bind_number(more, 1, CHANGES_KEPT);
	assert_true(db_run(more, &f->error) && db_commit(f->directory->db, &f->error));
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_true(slice_starts(S(changed_after(f, &late)), SLICE("…"))); /* who comes so late isn't told that this is all */
	assert_string_equal(changed_after(f, &late), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY_TEST(passwords_are_kept_as_hashes),
		cmocka_unit_test(hashes_beyond_limits_are_not_computed),
		DIRECTORY_TEST(names_at_sign_in),
		DIRECTORY_TEST(hashes_come_along),
		DIRECTORY_TEST(unknown_names_cost_what_accounts_do),
		cmocka_unit_test(wire_reading_is_strict),
		DIRECTORY_TEST(an_identity_is_an_account_with_its_password),
		DIRECTORY_TEST(changes_are_told_once),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free_all();
	return failed;
}
