/* Stands before the C library's: each assertion is one of the harness. Without guards, as the standard wants it. */
#undef assert
#ifdef NDEBUG
#define assert(...) ((void)0)
#else
#define assert(...) ((__VA_ARGS__) ? provender_held() : provender_fail(#__VA_ARGS__, __FILE__, __LINE__))
#endif
#ifndef PROVENDER_ASSERT_H
#define PROVENDER_ASSERT_H
#ifdef __cplusplus
extern "C" {
#endif
void provender_held(void);
void provender_fail(const char *text, const char *file, unsigned line) __attribute__((noreturn));
#ifdef __cplusplus
}
#endif
#endif
#if !defined __cplusplus && !defined static_assert
#define static_assert _Static_assert
#endif
