-- DropForeignKey
ALTER TABLE "ToolApproval" DROP CONSTRAINT "ToolApproval_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "ToolApproval" DROP CONSTRAINT "ToolApproval_threadId_fkey";

-- DropForeignKey
ALTER TABLE "ToolApproval" DROP CONSTRAINT "ToolApproval_toolCallId_fkey";

-- DropForeignKey
ALTER TABLE "ToolGrant" DROP CONSTRAINT "ToolGrant_ownerId_fkey";

-- DropForeignKey
ALTER TABLE "ToolGrant" DROP CONSTRAINT "ToolGrant_threadId_fkey";

-- AlterTable
ALTER TABLE "Run" DROP COLUMN "attempts",
DROP COLUMN "clientTools",
DROP COLUMN "turns";

-- AlterTable
ALTER TABLE "ToolCall" DROP COLUMN "editedArguments",
DROP COLUMN "result";

-- DropTable
DROP TABLE "ToolApproval";

-- DropTable
DROP TABLE "ToolGrant";

-- DropEnum
DROP TYPE "ApprovalStatus";

-- DropEnum
DROP TYPE "ApprovalScope";
