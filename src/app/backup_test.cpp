// What a backup's files promise, without a server: which copies are whole, which places are refused, what goes on where
// it stopped. With a server and kills: test/crash/backup.test.py.
#include "app/backup.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/digest.h"
#include "base/text.h"

namespace globogym::app {
namespace {

namespace fs = std::filesystem;

void put(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A data directory whose engine has been copied to data/backup/engine, as a server does it.
class World {
 public:
  World() {
    std::string name = (fs::temp_directory_path() / "globogym-backup-XXXXXX").string();
    root = ::mkdtemp(name.data());
    data = root + "/data";
    into = root + "/into";
    fs::create_directories(data + "/backup/engine");
    fs::create_directories(data + "/audit");
    put(data + "/backup/engine/CURRENT", "MANIFEST-000001\n");
    put(data + "/backup/engine/000012.sst", std::string(3'000'000, 's'));
    put(data + "/backup/engine/LOCK", "");
    put(data + "/audit/audit-1.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3");
    put(data + "/store.id", "st_1\n");
  }
  ~World() { fs::remove_all(root); }

  Result<void> begin() const { return begin_backup(data, into, "st_1"); }
  Manifest back_up() const {
    EXPECT_TRUE(begin());
    auto copied = copy_backup(data, into);
    EXPECT_TRUE(copied);
    Manifest manifest{.taken = WallTime(std::chrono::seconds(1'700'000'000)), .store = "st_1", .files = copied->files};
    EXPECT_TRUE(finish_backup(into, manifest));
    return manifest;
  }
  std::string restored(std::string_view file) const { return content(root + "/restored/" + std::string(file)); }
  Result<Copied> restore() const { return restore_backup(into, root + "/restored"); }

  std::string root, data, into;
};

TEST(Backup, what_is_restored_is_what_was_there_in_whole_lines) {
  const World world;
  world.back_up();

  const auto copied = world.restore();

  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(world.restored("engine/000012.sst"), std::string(3'000'000, 's'));
  EXPECT_EQ(world.restored("engine/CURRENT"), "MANIFEST-000001\n");
  EXPECT_EQ(world.restored("audit/audit-1.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
  EXPECT_EQ(world.restored("store.id"), "st_1\n");
  EXPECT_FALSE(fs::exists(world.root + "/restored/engine/LOCK"));
  EXPECT_FALSE(fs::exists(restore_mark(world.root + "/restored")));
  struct stat mode{};
  ::stat((world.root + "/restored/store.id").c_str(), &mode);
  EXPECT_EQ(mode.st_mode & 0777, 0600u);
}

TEST(Backup, a_manifest_is_read_as_it_was_written_and_any_changed_byte_is_noticed) {
  const World world;
  const std::string text = to_text(world.back_up());

  const auto read = parse_manifest(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_text(*read), text);
  EXPECT_EQ(read->files.size(), 4u);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_manifest(changed)) << i;
    EXPECT_FALSE(parse_manifest(text.substr(0, i))) << i;
  }
}

// Whoever can write to a backup could compute its sums; it still leads nowhere else.
TEST(Backup, a_manifest_that_names_files_elsewhere_is_refused) {
  for (const std::string path : {"../x", "/etc/passwd", "engine/../../x", "engine/a/b", "engine/", "engine/.hidden",
                                 "secret.key", "engine/a b", "audit", ""}) {
    const Manifest manifest{.taken = {}, .store = "s", .files = {{path, 1, std::string(64, '0')}}};
    EXPECT_FALSE(parse_manifest(to_text(manifest))) << path;
  }
  const auto signed_text = [](const std::string& body) { return body + "end " + hex(sha256(body)) + "\n"; };
  EXPECT_TRUE(parse_manifest(signed_text("globogym backup 1\nfile 1 " + std::string(64, '0') + " engine/a\n")));
  for (const std::string body :
       {"", "globogym backup 1\n", "globogym backup 2\n", "globogym backup 1\ntaken yesterday\n",
        "globogym backup 1\nfile 12\n", "globogym backup 1\nfile x 00 engine/a\n",
        "globogym backup 1\nfile -1 00 engine/a\n", "globogym backup 1\nlink a b\n"})
    EXPECT_FALSE(parse_manifest(signed_text(body))) << body;
}

TEST(Backup, only_one_that_was_finished_is_restored) {
  const World world;
  EXPECT_EQ(world.restore().error().fault, Fault::not_found);

  ASSERT_TRUE(world.begin());
  ASSERT_TRUE(copy_backup(world.data, world.into));

  const auto unfinished = world.restore();
  ASSERT_FALSE(unfinished);
  EXPECT_EQ(unfinished.error().fault, Fault::not_found);
  EXPECT_NE(unfinished.error().message.find("was not finished"), std::string::npos) << unfinished.error().message;
  EXPECT_FALSE(fs::exists(world.root + "/restored"));
}

TEST(Backup, a_new_one_over_an_old_one_is_not_whole_until_it_is_finished_and_copies_what_changed) {
  const World world;
  world.back_up();
  put(world.data + "/backup/engine/000013.sst", "new");
  fs::remove(world.data + "/backup/engine/CURRENT");

  ASSERT_TRUE(world.begin());
  EXPECT_FALSE(read_manifest(world.into));
  const auto copied = copy_backup(world.data, world.into);

  ASSERT_TRUE(copied);
  EXPECT_EQ(copied->new_bytes, 3u);
  EXPECT_EQ(copied->bytes, 3'000'000u + 3 + 16 + 5);
  EXPECT_FALSE(fs::exists(world.into + "/engine/CURRENT"));
}

TEST(Backup, what_an_interrupted_one_copied_halfway_is_copied_again) {
  const World world;
  ASSERT_TRUE(world.begin());
  fs::create_directory(world.into + "/engine");
  put(world.into + "/engine/000012.sst.copying", std::string(1000, 's'));
  put(world.into + "/engine/CURRENT", "MANIFEST-0000");  // of another length
  put(world.into + "/engine/000012.sst", std::string(3'000'000, 'x'));

  world.back_up();

  ASSERT_TRUE(world.restore());
  EXPECT_EQ(world.restored("engine/000012.sst"), std::string(3'000'000, 's'));
  EXPECT_EQ(world.restored("engine/CURRENT"), "MANIFEST-000001\n");
  EXPECT_FALSE(fs::exists(world.into + "/engine/000012.sst.copying"));
}

TEST(Backup, a_changed_or_missing_file_of_it_is_not_restored_and_a_mended_one_goes_on) {
  const World world;
  world.back_up();
  const std::string table = world.into + "/engine/000012.sst";
  std::string bytes = content(table);
  bytes[1'234'567] = 'x';
  put(table, bytes);

  const auto changed = world.restore();
  EXPECT_EQ(changed.error().fault, Fault::damaged);
  EXPECT_FALSE(fs::exists(world.root + "/restored/engine/000012.sst"));
  EXPECT_TRUE(fs::exists(restore_mark(world.root + "/restored"))) << "no server starts in it";
  fs::rename(table, table + ".away");
  EXPECT_FALSE(world.restore());
  put(table, std::string(3'000'000, 's'));
  const auto mended = world.restore();

  ASSERT_TRUE(mended) << mended.error().message;
  EXPECT_FALSE(fs::exists(restore_mark(world.root + "/restored")));
}

TEST(Backup, what_holds_something_else_is_neither_overwritten_nor_backed_up_into) {
  const World world;
  world.back_up();
  fs::create_directory(world.root + "/restored");
  put(world.root + "/restored/precious", "mine");
  fs::create_directory(world.root + "/other");
  put(world.root + "/other/engine", "a file that only has the name");
  fs::create_directory(world.root + "/photos");
  put(world.root + "/photos/a.jpg", "x");

  EXPECT_EQ(world.restore().error().fault, Fault::invalid);
  EXPECT_EQ(world.restored("precious"), "mine");
  EXPECT_EQ(begin_backup(world.data, world.root + "/other", "").error().fault, Fault::invalid);
  EXPECT_EQ(begin_backup(world.data, world.root + "/photos", "").error().fault, Fault::invalid);
  EXPECT_EQ(begin_backup(world.data, world.into, "st_2").error().fault, Fault::invalid) << "of another store";
  EXPECT_EQ(begin_backup(world.data, world.data + "/inside", "").error().fault, Fault::invalid);
  EXPECT_EQ(begin_backup(world.data, world.root, "").error().fault, Fault::invalid) << "around it";
  EXPECT_TRUE(read_manifest(world.into)) << "the one that was there stays whole";
}

// Runs what it is given in `directory`.
template <typename Do>
auto in_directory(const std::string& directory, Do&& what) {
  const auto before = fs::current_path();
  fs::current_path(directory);
  auto result = what();
  fs::current_path(before);
  return result;
}

std::vector<std::string> everything_in(const std::string& directory) {
  std::vector<std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) all.push_back(entry.path().string());
  std::ranges::sort(all);
  return all;
}

TEST(Backup, nothing_is_made_of_a_backup_in_the_data_directory_however_that_is_called) {
  const World world;
  fs::create_directory_symlink(world.data, world.root + "/link");
  fs::create_directory_symlink("data/not-there-yet", world.root + "/dangling");
  fs::create_directory_symlink(world.root + "/dangling", world.root + "/far");
  fs::create_directory_symlink("loop", world.root + "/loop");
  const auto before = everything_in(world.root);

  for (const std::string& into :
       {world.data, world.data + "/sub", world.data + "/sub/deeper/yet", world.data + "/engine/../audit/new",
        world.root + "/link", world.root + "/link/sub", world.root + "/link/sub/deeper", world.root + "/dangling",
        world.root + "/far", world.root + "/far/sub", world.root + "/new/../data/sub", world.root + "/data//./sub/",
        world.root, world.root + "/link/.."}) {
    const auto refused = begin_backup(world.data, into, "st_1");
    ASSERT_FALSE(refused) << into;
    EXPECT_EQ(refused.error().fault, Fault::invalid) << into;
    EXPECT_NE(refused.error().message.find("lie in each other"), std::string::npos) << refused.error().message;
  }
  for (const std::string into : {"sub", "./sub", "../data/sub/deeper", ".", "..", "../link/sub"})
    EXPECT_FALSE(in_directory(world.data, [&] { return begin_backup(".", into, "st_1"); })) << into;
  EXPECT_FALSE(begin_backup(world.root + "/link", world.data + "/sub", "st_1"));
  EXPECT_FALSE(begin_backup(world.data, world.root + "/loop/x", "st_1")) << "no end of links, but an end of this";

  EXPECT_EQ(everything_in(world.root), before);
  EXPECT_TRUE(begin_backup(world.data, world.root + "/data-2", "st_1")) << "it only begins with the same letters";
}

TEST(Backup, nothing_is_restored_into_the_backup_nor_around_it) {
  const World world;
  world.back_up();
  fs::create_directory_symlink(world.into, world.root + "/link");
  fs::create_directory_symlink("into/not-there-yet", world.root + "/dangling");
  fs::create_directory(world.root + "/around");
  fs::rename(world.into, world.root + "/around/into");
  fs::create_directory_symlink("around/into", world.into);
  const auto before = everything_in(world.root);

  for (const std::string& data :
       {world.into, world.into + "/in", world.into + "/engine/in", world.into + "/in/deeper", world.root + "/link/in",
        world.root + "/dangling", world.root + "/around", world.root + "/around/into/in", world.root}) {
    const auto refused = restore_backup(world.into, data);
    ASSERT_FALSE(refused) << data;
    EXPECT_EQ(refused.error().fault, Fault::invalid) << data;
    EXPECT_NE(refused.error().message.find("lie in each other"), std::string::npos) << refused.error().message;
  }
  for (const std::string data : {"in", ".", "..", "../into/in", "../../link/in"})
    EXPECT_FALSE(in_directory(world.root + "/around/into", [&] { return restore_backup(".", data); })) << data;

  EXPECT_EQ(everything_in(world.root), before);
  EXPECT_TRUE(restore_backup(world.into, world.root + "/into-2"));
}

TEST(Backup, another_backup_is_not_restored_over_half_of_one) {
  const World world;
  world.back_up();
  const std::string table = world.into + "/engine/000012.sst";
  fs::rename(table, table + ".away");
  EXPECT_FALSE(world.restore());
  put(world.data + "/backup/engine/000012.sst", "another");
  world.back_up();

  EXPECT_EQ(world.restore().error().fault, Fault::invalid);
}

TEST(Backup, one_at_a_time_is_made_and_what_an_ended_one_left_is_removed) {
  const World world;
  {
    auto lock = BackupLock::take(world.data);
    ASSERT_TRUE(lock);
    EXPECT_EQ(BackupLock::take(world.data).error().fault, Fault::unavailable);
    forget_unfinished_backup(world.data);
    EXPECT_TRUE(fs::exists(world.data + "/backup/engine/CURRENT")) << "it is being copied";
  }

  forget_unfinished_backup(world.data);

  EXPECT_FALSE(fs::exists(world.data + "/backup"));
  const auto gone = copy_backup(world.data, world.into);
  EXPECT_EQ(gone.error().fault, Fault::unavailable);
}

TEST(Backup, a_symbolic_link_among_its_files_is_not_followed) {
  const World world;
  put(world.root + "/secret", std::string(3'000'000, 's'));
  fs::remove(world.data + "/backup/engine/000012.sst");
  fs::create_symlink(world.root + "/secret", world.data + "/backup/engine/000012.sst");

  ASSERT_TRUE(world.begin());
  EXPECT_FALSE(copy_backup(world.data, world.into));
}

// A limit on the size of files refuses a write halfway as a full disk does.
class WithoutRoom {
 public:
  explicit WithoutRoom(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~WithoutRoom() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  WithoutRoom(const WithoutRoom&) = delete;

 private:
  rlimit before_{};
};

TEST(Backup, where_there_is_no_room_it_says_so_and_goes_on_once_there_is) {
  const World world;
  ASSERT_TRUE(world.begin());
  {
    const WithoutRoom full(1'000'000);
    const auto copied = copy_backup(world.data, world.into);
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().fault, Fault::unavailable);
    EXPECT_NE(copied.error().message.find("000012.sst"), std::string::npos) << copied.error().message;
  }
  EXPECT_FALSE(read_manifest(world.into));
  EXPECT_FALSE(fs::exists(world.into + "/engine/000012.sst"));

  world.back_up();
  {
    const WithoutRoom full(1'000'000);
    EXPECT_EQ(world.restore().error().fault, Fault::unavailable);
  }

  ASSERT_TRUE(world.restore());
  EXPECT_EQ(world.restored("engine/000012.sst"), std::string(3'000'000, 's'));
}

}  // namespace
}  // namespace globogym::app
