/* What the script commands do with thousands of names. */
#include "tui/cli/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

const struct cli_command cli_commands[] = {{0}};

/* What is written to standard error between the two. */
static FILE *caught;
static int kept;

static void catch_begin(void) {
    caught = tmpfile();
    kept = dup(STDERR_FILENO);
    assert_true(caught != NULL && kept >= 0);
    fflush(stderr);
    dup2(fileno(caught), STDERR_FILENO);
}

static void catch_end(char *out, size_t size) {
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(caught);
    out[fread(out, 1, size - 1, caught)] = '\0';
    fclose(caught);
}

static void test_complaints(void **state) {
    (void)state;
    static const struct {
        int n;
        const char *text;
    } rows[] = {
        {0, ""},
        {1, "weir: no 0\n"},
        {3, "weir: no 0\nweir: no 1\nweir: no 2\n"},
        {4, "weir: no 0\nweir: no 1\nweir: no 2\nweir: ... and 1 more group like these\n"},
        {9999, "weir: no 0\nweir: no 1\nweir: no 2\nweir: ... and 9996 more groups like these\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct complaints c = {0};
        char text[400];
        catch_begin();
        for (int k = 0; k < rows[i].n; k++)
            complaints_add(&c, "no %d", k);
        bool none = complaints_end(&c, "group");
        catch_end(text, sizeof text);
        assert_string_equal(text, rows[i].text);
        assert_true(none == (rows[i].n == 0));
    }
}

/* Given in any order, one of them twice: each is had, nothing else is, and what is not there is told. */
static void test_names(void **state) {
    (void)state;
    const char *words[] = {"pear", "apple", "fig", "apple", "quince"};
    struct cli_options o = {.arguments = {.v = words, .n = 5}};
    struct names names;
    char text[400];
    assert_true(names_init(&names, &o));
    assert_false(names_open(&names));
    assert_true(names_have(&names, SLICE("apple")));
    assert_true(names_have(&names, SLICE("pear")));
    assert_true(names_have(&names, SLICE("fig")));
    assert_false(names_have(&names, SLICE("figs")));
    assert_false(names_have(&names, SLICE("")));
    catch_begin();
    bool all = names_all_found(&names, "group");
    catch_end(text, sizeof text);
    assert_false(all);
    assert_string_equal(text, "weir: no group quince here\n");
    assert_true(names_have(&names, SLICE("quince")));
    assert_true(names_all_found(&names, "group"));
    names_fini(&names);
}

static void test_patterns(void **state) {
    (void)state;
    const char *words[] = {"z.*", "a.*e"};
    struct cli_options o = {.regex = true, .arguments = {.v = words, .n = 2}};
    struct names names;
    char text[400];
    assert_true(names_init(&names, &o));
    assert_true(names_open(&names));
    assert_true(names_have(&names, SLICE("apple")));
    assert_false(names_have(&names, SLICE("apples")));
    catch_begin();
    bool all = names_all_found(&names, "topic");
    catch_end(text, sizeof text);
    assert_false(all);
    assert_string_equal(text, "weir: no topic matches z.*\n");
    names_fini(&names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
