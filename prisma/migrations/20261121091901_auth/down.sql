-- DropForeignKey
ALTER TABLE "RefreshToken" DROP CONSTRAINT "RefreshToken_userId_fkey";

-- DropForeignKey
ALTER TABLE "PersonalAccessToken" DROP CONSTRAINT "PersonalAccessToken_userId_fkey";

-- DropForeignKey
ALTER TABLE "TokenUsage" DROP CONSTRAINT "TokenUsage_userId_fkey";

-- DropForeignKey
ALTER TABLE "TokenReservation" DROP CONSTRAINT "TokenReservation_userId_fkey";

-- AlterTable
ALTER TABLE "User" DROP COLUMN "disabledAt",
DROP COLUMN "passwordHash",
DROP COLUMN "requestsPerMinute",
DROP COLUMN "tokenVersion",
DROP COLUMN "tokensPerDay";

-- AlterTable
ALTER TABLE "Thread" DROP COLUMN "agentId",
DROP COLUMN "productId";

-- DropTable
DROP TABLE "RefreshToken";

-- DropTable
DROP TABLE "PersonalAccessToken";

-- DropTable
DROP TABLE "TokenUsage";

-- DropTable
DROP TABLE "TokenReservation";

-- DropEnum
DROP TYPE "TokenScope";
