-- DropForeignKey
ALTER TABLE "Thread" DROP CONSTRAINT "Thread_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "Message" DROP CONSTRAINT "Message_threadId_fkey";

-- DropForeignKey
ALTER TABLE "Message" DROP CONSTRAINT "Message_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "Message" DROP CONSTRAINT "Message_parentId_fkey";

-- DropForeignKey
ALTER TABLE "Run" DROP CONSTRAINT "Run_threadId_fkey";

-- DropForeignKey
ALTER TABLE "Run" DROP CONSTRAINT "Run_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "Run" DROP CONSTRAINT "Run_activeThreadId_fkey";

-- DropForeignKey
ALTER TABLE "Run" DROP CONSTRAINT "Run_userMessageId_fkey";

-- DropForeignKey
ALTER TABLE "Run" DROP CONSTRAINT "Run_messageId_fkey";

-- DropForeignKey
ALTER TABLE "IdempotencyKey" DROP CONSTRAINT "IdempotencyKey_ownerId_fkey";

-- DropTable
DROP TABLE "User";

-- DropTable
DROP TABLE "Thread";

-- DropTable
DROP TABLE "Message";

-- DropTable
DROP TABLE "Run";

-- DropTable
DROP TABLE "IdempotencyKey";

-- DropEnum
DROP TYPE "UserRole";

-- DropEnum
DROP TYPE "Role";

-- DropEnum
DROP TYPE "MessageStatus";

-- DropEnum
DROP TYPE "RunStatus";

-- DropEnum
DROP TYPE "RunErrorCode";
