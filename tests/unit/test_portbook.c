/* SPDX-License-Identifier: Apache-2.0 */
/* The book of ports: what each is found by, through changes and restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/portbook.h"

/* A book in a directory of its own. */
struct shelf {
	char directory[32];
	struct portbook book;
};

static int set_up(void **state)
{
	struct shelf *s = core_alloc(sizeof(*s));
	struct error e = { .code = "" };

	strcpy(s->directory, "/tmp/portbook-XXXXXX");
	if (!mkdtemp(s->directory) || portbook_open(&s->book, s->directory, &e))
		return -1;
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct shelf *s = *state;
	char path[64];

	while (!list_is_empty(&s->book.all))
		portbook_remove(&s->book, RECORD_OF(s->book.all.next));
	portbook_close(&s->book);
	snprintf(path, sizeof(path), "%s/ports", s->directory);
	rmdir(path);
	rmdir(s->directory);
	free(s);
	return 0;
}

static struct ip ip_of(unsigned int n)
{
	const uint8_t b[4] = { 10, 32, (uint8_t)(n >> 8), (uint8_t)n };

	return ip_from_v4(b);
}

static struct mac mac_of(unsigned int n)
{
	const struct mac mac = { { 2, 0, 0, 0, (uint8_t)(n >> 8),
				   (uint8_t)n } };

	return mac;
}

/* The nth port, of two networks in turn that have the same MACs and IPs. */
static struct port_record record_of(unsigned int n)
{
	struct port_record r = { .port_no = (port_no_t)(PORT_NO_FIRST + n),
				 .vni = n % 2 ? 11 : 10,
				 .mac = mac_of(n / 2),
				 .n_addresses = 1,
				 .ifname = "eth0",
				 .network = "blue" };

	list_init(&r.all);
	r.ips[0] = ip_of(n / 2);
	r.prefix_lens[0] = 16;
	snprintf(r.netns, sizeof(r.netns), "4:%u", n);
	snprintf(r.host_ifname, sizeof(r.host_ifname), "fd%u", n);
	return r;
}

/* What has all that @r has; NULL: nothing has any of it. */
static struct port_record *find(const struct shelf *s,
				const struct port_record *r)
{
	const struct portbook *b = &s->book;
	struct port_record *found = portbook_find(b, r->port_no);

	assert_ptr_equal(portbook_find_host(b, r->host_ifname), found);
	assert_ptr_equal(portbook_find_interface(b, r->netns, r->ifname),
			 found);
	assert_ptr_equal(portbook_find_mac(b, r->vni, &r->mac), found);
	assert_ptr_equal(portbook_find_ip(b, r->vni, &r->ips[0]), found);
	return found;
}

static struct port_record *add(struct shelf *s, const struct port_record *r)
{
	struct error e = { .code = "" };
	struct port_record *kept = portbook_add(&s->book, r, &e);

	assert_non_null(kept);
	assert_ptr_equal(portbook_find(&s->book, r->port_no), kept);
	return kept;
}

static void test_found_by_all(void **state)
{
	struct shelf *s = *state;
	struct error e = { .code = "" };
	struct port_record r, *kept;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		r = record_of(i);
		assert_null(find(s, &r));
		kept = add(s, &r);
		assert_ptr_equal(find(s, &r), kept);
	}
	for (i = 0; i < 100; i += 3) {
		r = record_of(i);
		portbook_remove(&s->book, find(s, &r));
	}
	portbook_close(&s->book);
	assert_int_equal(portbook_open(&s->book, s->directory, &e), 0);
	assert_int_equal(s->book.n, 66);
	for (i = 0; i < 100; i++) {
		r = record_of(i);
		if (i % 3)
			assert_string_equal(find(s, &r)->netns, r.netns);
		else
			assert_null(find(s, &r));
	}
}

/* An address that comes, moves to another place, and goes. */
static void test_changed(void **state)
{
	const struct ip first = ip_of(0), second = ip_of(1000);
	struct port_record r = record_of(0), *kept;
	struct error e = { .code = "" };
	struct shelf *s = *state;

	kept = add(s, &r);
	r = *kept;
	r.ips[r.n_addresses++] = second;
	assert_null(portbook_find_ip(&s->book, 10, &second));
	assert_int_equal(portbook_save(&s->book, kept, &r, &e), 0);
	assert_ptr_equal(portbook_find_ip(&s->book, 10, &first), kept);
	assert_ptr_equal(portbook_find_ip(&s->book, 10, &second), kept);
	assert_null(portbook_find_ip(&s->book, 11, &second));
	r.ips[0] = r.ips[--r.n_addresses];
	assert_int_equal(portbook_save(&s->book, kept, &r, &e), 0);
	assert_null(portbook_find_ip(&s->book, 10, &first));
	assert_ptr_equal(portbook_find_ip(&s->book, 10, &second), kept);
	assert_ptr_equal(portbook_find_mac(&s->book, 10, &r.mac), kept);
	/* Removed with all that it was found by last, whatever it has now. */
	kept->n_addresses = 0;
	portbook_remove(&s->book, kept);
	assert_null(find(s, &r));
	assert_null(portbook_find_ip(&s->book, 10, &second));
}

/* In a namespace that is not known, any number may be called so. */
static void test_no_namespace(void **state)
{
	struct port_record r = record_of(0);
	struct shelf *s = *state;

	r.netns[0] = '\0';
	add(s, &r);
	assert_null(portbook_find_interface(&s->book, "", "eth0"));
}

/* Each is found by any of as many addresses as there may be. */
static void test_addresses(void **state)
{
	struct shelf *s = *state;
	struct port_record r, *kept;
	unsigned int i, k;

	for (i = 0; i < 64; i++) {
		r = record_of(i);
		r.n_addresses = MAX_ADDRESSES;
		for (k = 1; k < MAX_ADDRESSES; k++)
			r.ips[k] = ip_of(k << 11 | i / 2);
		kept = add(s, &r);
		for (k = 0; k < MAX_ADDRESSES; k++)
			assert_ptr_equal(portbook_find_ip(&s->book, r.vni,
							  &r.ips[k]),
					 kept);
	}
}

/* One that cannot be written is as it was, in the book and on the disk. */
static void test_not_written(void **state)
{
	const struct ip first = ip_of(0), second = ip_of(1000);
	struct port_record r = record_of(0), *kept;
	struct error e = { .code = "" };
	struct shelf *s = *state;
	char path[80];

	kept = add(s, &r);
	/* A directory is where the new file would be written. */
	snprintf(path, sizeof(path), "%s/ports/%s.json.new", s->directory,
		 kept->host_ifname);
	assert_int_equal(mkdir(path, 0700), 0);
	r = *kept;
	r.ips[0] = second;
	r.is_masqueraded = true;
	assert_int_equal(portbook_save(&s->book, kept, &r, &e), -1);
	assert_true(error_is_set(&e));
	assert_true(ip_equal(&kept->ips[0], &first));
	assert_ptr_equal(portbook_find_ip(&s->book, 10, &first), kept);
	assert_null(portbook_find_ip(&s->book, 10, &second));
	assert_int_equal(s->book.n_masqueraded, 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(portbook_save(&s->book, kept, &r, &e), 0);
	assert_int_equal(s->book.n_masqueraded, 1);
	portbook_close(&s->book);
	assert_int_equal(portbook_open(&s->book, s->directory, &e), 0);
	assert_non_null(portbook_find_ip(&s->book, 10, &second));
}

static void test_masqueraded_are_counted(void **state)
{
	struct shelf *s = *state;
	struct error e = { .code = "" };
	struct port_record r;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		r = record_of(i);
		r.is_masqueraded = i > 0;
		add(s, &r);
	}
	assert_int_equal(s->book.n_masqueraded, 2);
	portbook_close(&s->book);
	assert_int_equal(portbook_open(&s->book, s->directory, &e), 0);
	assert_int_equal(s->book.n_masqueraded, 2);
	portbook_remove(&s->book, portbook_find_host(&s->book, "fd0"));
	portbook_remove(&s->book, portbook_find_host(&s->book, "fd1"));
	assert_int_equal(s->book.n_masqueraded, 1);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_found_by_all), ONE(test_changed),
		ONE(test_not_written),	ONE(test_no_namespace),
		ONE(test_addresses),	ONE(test_masqueraded_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
