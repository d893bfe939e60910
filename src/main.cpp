#include "app/main.h"

int main(int argc, char** argv) {
  return globogym::app::run(argc, argv);
}
