-- DropTable
DROP TABLE "StoredProvider";
