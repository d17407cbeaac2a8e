dnl WEIR_SONAME(MACRO, NAME, INCLUDES, BODY, CFLAGS, LIBS)
dnl The soname of libNAME.so as a program that is linked with it records it, which is
dnl what weir gives to dlopen (core/base/lazy.h); it goes into config.h as MACRO.
dnl BODY must use the library, so this also checks that header and library fit.
AC_DEFUN([WEIR_SONAME], [
  AC_REQUIRE([WEIR_PROG_OBJDUMP])
  AC_CACHE_CHECK([for the soname of lib$2], [weir_cv_soname_$2], [
    weir_saved_CFLAGS=$CFLAGS weir_saved_LIBS=$LIBS
    CFLAGS="$CFLAGS $5" LIBS="-Wl,--no-as-needed $6 $LIBS"
    weir_cv_soname_$2=
    AC_LINK_IFELSE([AC_LANG_PROGRAM([$3], [$4])], [
      weir_cv_soname_$2=`$OBJDUMP -p conftest$ac_exeext |
        sed -n ['s/^ *NEEDED  *\(lib$2\.so[^ ]*\) *$/\1/p'] | sed 1q`])
    CFLAGS=$weir_saved_CFLAGS LIBS=$weir_saved_LIBS])
  AS_IF([test -z "$weir_cv_soname_$2"], [AC_MSG_ERROR([lib$2 cannot be linked as a shared library; see config.log])])
  AC_DEFINE_UNQUOTED([$1], ["$weir_cv_soname_$2"], [What dlopen is given for lib$2])])

AC_DEFUN([WEIR_PROG_OBJDUMP], [
  AC_CHECK_TOOL([OBJDUMP], [objdump])
  AS_IF([test -z "$OBJDUMP"], [AC_MSG_ERROR([objdump is missing (Debian: binutils)])])])
